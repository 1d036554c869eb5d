// PHP's frames of one process: the executor's globals and the live part of the VM's stack in one call, the functions and
// lines of its frames in a second, while the thread stands stopped where it is; or as the kernel walked them.
#pragma once

#include <map>

#include "samplers/php/find.hpp"
#include "samplers/php/functions.hpp"
#include "samplers/symbols/mixed_stack.hpp"

namespace sampan::php {

class PhpWalker final : public Walker {
 public:
  // `process` outlives it; without one no native frames are mixed in.
  PhpWalker(Context& context, Php php, pid_t inner_pid, const Process* process = nullptr);
  Walked walk(const ThreadSnapshot& thread, std::vector<FrameId>& frames) override;
  void observe_stopped(const ThreadSnapshot& thread) override;
  void refresh() override;
  Result<KernelWalk> kernel_walk() override;
  void resolve(Profile& profile) override;

 private:
  struct Globals {                   // one thread's
    std::uint64_t address = 0;
    std::uint64_t page = 0, top = 0; // of its VM stack, as of the last sample
  };
  struct Head {                      // the words from vm_stack_top up to current_execute_data
    std::uint64_t words[6];
  };

  Walked read_calls(pid_t inner_tid, const Registers* registers = nullptr);
  std::uint64_t running_opline(const Registers& registers, std::uint64_t frame) const;
  Walked read_sent(Bytes sent);
  Walked weave(const ThreadSnapshot& thread, Walked read, std::vector<FrameId>& frames);
  Walked append(Walked read, std::vector<FrameId>& frames);
  bool read_stack(Globals& globals, std::uint64_t& innermost, bool& changed);
  bool collect(std::uint64_t innermost);
  void collect_generators(std::uint64_t outermost);
  FrameId name(const Call& call, bool outermost);

  Context& context_;
  Php php_;
  Functions functions_;
  PthreadIds pthreads_;
  pid_t inner_pid_;
  std::map<pid_t, Globals> globals_;
  std::vector<std::byte> stack_;     // copied from stack_start_ on
  std::uint64_t stack_start_ = 0;
  std::vector<Call> calls_;          // innermost first
  std::optional<MixedStack> mixed_;  // options.native
  std::vector<FrameId> ids_;
  std::vector<MixedStack::Segment> segments_;
  pid_t held_tid_ = 0;               // whose calls observe_stopped() left in calls_
  Walked held_read_ = Walked::NoFrames;
  bool kernel_walks_ = false;
  sampan_php_process given_{};       // to the kernel
  FrameId truncated_, freed_;
};

}  // namespace sampan::php

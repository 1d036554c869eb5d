// Ruby's frames of one process: a thread's execution context, its control frames and their environments in one call, taken
// as they are, while the thread stands stopped where it is; or as the kernel walked them.
#pragma once

#include <set>
#include <unordered_map>

#include "samplers/process/pthread.hpp"
#include "samplers/ruby/names.hpp"

namespace sampan::ruby {

class RubyWalker final : public Walker {
 public:
  RubyWalker(Context& context, std::unique_ptr<Vm> vm, pid_t inner_pid);
  Walked walk(const ThreadSnapshot& thread, std::vector<FrameId>& frames) override;
  bool holds_lock(const ThreadSnapshot& thread) override;
  void observe_stopped(const ThreadSnapshot& thread) override;
  void refresh() override;
  Result<KernelWalk> kernel_walk() override;

 private:
  static constexpr std::size_t kNoGap = ~std::size_t{0};
  struct Head {                  // of rb_execution_context_t
    std::uint64_t stack, words, frame;
  };
  struct Known {                 // a thread, and how much of its stack was live last
    RubyThread thread;
    Head head{};
    std::uint64_t values_end = 0;
    std::uint64_t stack_end() const { return head.stack + head.words * 8; }
  };

  Known* find(pid_t inner_tid);
  void list();
  bool holds(const Known& known);
  Walked read_frames(Known& known);
  Walked read_sent(Bytes sent);
  Walked append(Walked read, std::vector<FrameId>& frames);
  Walked read_stack(Known& known);
  bool learn_stack(Known& known);
  void collect(Known& known);
  void resolve_methods(Known& known);
  const std::uint64_t* environment(const Known& known, std::uint64_t ep) const;
  std::uint64_t follow(ControlFrame& frame, const std::uint64_t* environment, bool first);

  Context& context_;
  std::unique_ptr<Vm> vm_;
  Memory& memory_;
  const Layout& layout_;
  Names names_;
  pid_t inner_pid_;
  std::uint64_t space_ = 0;                      // rb_objspace_t; 0: not known
  PthreadIds pthreads_;
  std::unordered_map<pid_t, Known> threads_;     // by id in the process's own PID namespace
  std::set<pid_t> foreign_;                      // threads that are none of Ruby's, until the next refresh

  // What one read took.
  std::vector<std::byte> frames_read_;
  std::uint64_t frames_start_ = 0;
  std::vector<std::uint64_t> values_;
  std::uint64_t values_start_ = 0;
  bool collecting_ = false;                      // the thread holds its lock and garbage is being collected
  bool cut_ = false;                             // the stack is deeper than is read
  std::vector<ControlFrame> stack_;              // innermost first
  std::size_t gap_ = kNoGap;                     // of those, one that stands for frames that the kernel did not send
  pid_t held_tid_ = 0;                           // whose frames observe_stopped() left in stack_
  Walked held_read_ = Walked::NoFrames;
  bool held_lock_ = false;
  bool kernel_walks_ = false;
  sampan_ruby_process given_{};                  // to the kernel
  FrameId garbage_, cut_note_;
};

}  // namespace sampan::ruby

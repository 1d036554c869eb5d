// Ruby's frames of one process, by memory alone: a thread's execution context, its control frames and their environments
// in one call, taken as they are.
#pragma once

#include <chrono>
#include <set>
#include <unordered_map>

#include "samplers/process/pthread.hpp"
#include "samplers/ruby/vm.hpp"

namespace sampan::ruby {

// A control frame as it is taken from the VM's stack.
struct ControlFrame {
  std::uint64_t pc = 0, iseq = 0, ep = 0, jit_return = 0;
  std::uint64_t kind = 0;        // its environment's word 0: the frame's type and flags
  std::uint64_t method = 0;      // its nearest method entry or cref, as the environments chain to it; 0: none
  bool own_method = false;       // found in its own environment
};

class RubyWalker final : public Walker {
 public:
  RubyWalker(Context& context, std::unique_ptr<Vm> vm, pid_t inner_pid);
  Walked walk(const ThreadSnapshot& thread, std::vector<FrameId>& frames) override;
  bool holds_lock(const ThreadSnapshot& thread) override;
  void refresh() override;

 private:
  struct Head {                  // of rb_execution_context_t
    std::uint64_t stack, words, frame;
  };
  struct Known {                 // a thread, and how much of its stack was live last
    RubyThread thread;
    Head head{};
    std::uint64_t values_end = 0;
    std::uint64_t stack_end() const { return head.stack + head.words * 8; }
  };
  struct Method {                // what a frame's method word stands for
    std::uint64_t entry = 0;     // its rb_method_entry_t; 0: none
    Value owner = 0;
    std::uint64_t id = 0;        // def->original_id
    std::uint64_t iseq = 0;      // def->body.iseq.iseqptr, where it is a method in Ruby
  };
  struct Key {
    std::uint64_t iseq, method, pc;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    std::size_t operator()(const Key& key) const;
  };

  Known* find(pid_t inner_tid);
  void list();
  Walked read_stack(Known& known);
  bool learn_stack(Known& known);
  void collect(Known& known);
  void resolve_methods(Known& known);
  const std::uint64_t* environment(const Known& known, std::uint64_t ep) const;
  std::uint64_t follow(ControlFrame& frame, const std::uint64_t* environment, bool first);
  FrameId name(const ControlFrame& frame, bool innermost);
  FrameId name_method(const ControlFrame& frame, bool with_line);
  FrameId name_function(const ControlFrame& frame);
  std::string qualified_name(const ControlFrame& frame, std::uint64_t local_iseq, const std::string& label);
  Method method_of(std::uint64_t word);
  bool runs_compiled(const ControlFrame& frame);

  Context& context_;
  std::unique_ptr<Vm> vm_;
  Memory& memory_;
  const Layout& layout_;
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

  std::unordered_map<std::uint64_t, std::string> qualified_;   // methods by their instructions
  bool compiles_ = false;                        // machine code was seen to call
  std::unordered_map<Key, FrameId, Hash> names_;
  std::unordered_map<std::uint64_t, Method> methods_;   // of blocks' environments, until the next refresh
  std::chrono::steady_clock::time_point trimmed_ = std::chrono::steady_clock::now();
  FrameId garbage_, cut_note_, torn_note_;
};

}  // namespace sampan::ruby

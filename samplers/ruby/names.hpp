// What control frames are called: methods by their class, blocks by their method, functions in C, the line that calls.
#pragma once

#include <chrono>
#include <string>
#include <unordered_map>

#include "samplers/ruby/vm.hpp"

namespace sampan::ruby {

// A control frame as it is taken from the VM's stack.
struct ControlFrame {
  std::uint64_t pc = 0, iseq = 0, ep = 0, jit_return = 0;
  std::uint64_t kind = 0;        // its environment's word 0: the frame's type and flags
  std::uint64_t method = 0;      // its nearest method entry or cref, as the environments chain to it; 0: none
  bool own_method = false;       // found in its own environment
  bool sent = false;             // by the kernel, a while ago
};

class Names {
 public:
  // Context and VM outlive it.
  Names(Context& context, const Vm& vm);
  // kNoFrame where it is none of the program's (the interpreter's own).
  FrameId of(const ControlFrame& frame, bool innermost);
  // True where a word of an environment leads to a method's entry.
  bool is_method(std::uint64_t word);
  // Forgets what garbage collection may have given to others.
  void refresh();

 private:
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

  FrameId name_method(const ControlFrame& frame, bool with_line);
  FrameId name_function(const ControlFrame& frame);
  std::string qualified_name(const ControlFrame& frame, std::uint64_t local_iseq, const std::string& label);
  Method method_of(std::uint64_t word) const;
  bool runs_compiled(const ControlFrame& frame) const;

  Context& context_;
  const Vm& vm_;
  Memory& memory_;
  const Layout& layout_;
  std::unordered_map<std::uint64_t, std::string> qualified_;   // methods by their instructions
  bool compiles_ = false;                        // machine code was seen to call
  std::unordered_map<Key, FrameId, Hash> names_;
  std::unordered_map<std::uint64_t, bool> methods_;            // whether a word leads to one, until the next refresh
  std::chrono::steady_clock::time_point trimmed_ = std::chrono::steady_clock::now();
  FrameId torn_note_;
};

}  // namespace sampan::ruby

// The registers that unwinding needs, per architecture, by their roles. One place for DWARF numbers and names.
#pragma once

#include <cstdint>

namespace sampan {

struct Registers {
  std::uint64_t pc = 0;
  std::uint64_t sp = 0;
  std::uint64_t fp = 0;      // x86_64: rbp, arm64: x29
  std::uint64_t lr = 0;      // arm64: x30
  std::uint64_t general[32] = {};  // by DWARF number (x86_64: rax rdx rcx rbx rsi rdi rbp rsp r8-r15)
  std::uint64_t thread_pointer = 0; // x86_64: fs base
};

}  // namespace sampan

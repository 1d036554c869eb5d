// x86-64 code followed to its return, or back to its entry: where rsp and rbp are then.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "samplers/unwind/x86_code.hpp"

namespace sampan::java {

// What code that has no unwind rows runs with, and what it leaves its caller.
struct X86State {
  std::uint64_t sp = 0;
  std::uint64_t rbp = 0;
  bool rbp_known = true;
};

// A word of the stack as it is now, or nothing.
using StackWord = std::function<std::optional<std::uint64_t>(std::uint64_t address)>;

// Follows the code from `start` to a return, at most `most` instructions: sp is then where the return address lies. A
// branch is taken where going straight on leads round a loop or to what cannot be followed.
std::optional<X86State> follow_to_return(Bytes code, std::size_t start, X86State state, const StackWord& word, unsigned most);

// Takes back a prologue: `at` was reached from the entry at 0. sp is then where the return address lies.
std::optional<X86State> undo_prologue(Bytes code, std::size_t at, X86State state, const StackWord& word);

}  // namespace sampan::java

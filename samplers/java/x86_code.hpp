// Just enough of x86-64 to know where a return address lies in code without unwind rows: instruction
// lengths, and what each does to rsp and rbp.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "samplers/base/cursor.hpp"

namespace sampan::java {

enum class X86Effect : std::uint8_t {
  None, Push, Pop, PopRbp, PushRbp, AdjustSp,   // AdjustSp: rsp += amount
  SpFromRbp,       // rsp = rbp + amount
  Leave,           // rsp = rbp, then pop rbp
  LoadRbp,         // rbp = [rsp + amount]
  StoreRbp,        // [rsp + amount] = rbp
  RbpFromSp,       // rbp = rsp
  Jump,            // to the end of the instruction + amount
  IndirectJump, Branch, Call, Return,
  LoadSp,          // rsp = [rsp + amount]
  LosesSp,         // rsp takes a value that cannot be followed
};

struct X86Instruction {
  std::uint8_t length = 0;     // 0: not an instruction that is known
  X86Effect effect = X86Effect::None;
  std::int64_t amount = 0;
};

X86Instruction decode_x86(Bytes code);

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

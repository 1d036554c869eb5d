// Just enough of x86-64 to know where a return address lies in code without unwind rows: instruction
// lengths, and what each does to rsp and rbp.
#pragma once

#include <cstdint>
#include <optional>

#include "samplers/base/cursor.hpp"
#include "samplers/java/machine_code.hpp"

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

// Follows the code from `start` to a return, at most `most` instructions: sp is then where the return address lies. A
// branch is taken where going straight on leads round a loop or to what cannot be followed.
std::optional<CodeState> follow_to_return(Bytes code, std::size_t start, CodeState state, const StackWord& word, unsigned most);

// Takes back a prologue: `at` was reached from the entry at 0. sp is then where the return address lies.
std::optional<CodeState> undo_prologue(Bytes code, std::size_t at, CodeState state, const StackWord& word);

}  // namespace sampan::java

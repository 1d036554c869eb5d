// Just enough of x86-64 to know where a return address lies in code without unwind rows: instruction
// lengths, and what each does to rsp and rbp.
#pragma once

#include <cstdint>

#include "samplers/base/cursor.hpp"

namespace sampan {

enum class X86Effect : std::uint8_t {
  None, Push, Pop, PopRbp, PushRbp, AdjustSp,   // AdjustSp: rsp += amount
  SpFromRbp,       // rsp = rbp + amount
  Leave,           // rsp = rbp, then pop rbp
  LoadRbp,         // rbp = [rsp + amount]
  StoreRbp,        // [rsp + amount] = rbp
  RbpFromSp,       // rbp = rsp
  Jump,            // to the end of the instruction + amount
  IndirectJump, Branch, Return,
  Call,            // to the end of the instruction + amount; amount 0: through a register or memory
  LoadAddress,     // some register = the end of the instruction + amount
  ClearRbp,        // what marks the outermost frame (System V ABI)
  ChangeRbp,       // rbp takes some other value
  LoadSp,          // rsp = [rsp + amount]
  LosesSp,         // rsp takes a value that cannot be followed
};

struct X86Instruction {
  std::uint8_t length = 0;     // 0: not an instruction that is known
  X86Effect effect = X86Effect::None;
  std::int64_t amount = 0;
};

X86Instruction decode_x86(Bytes code);

}  // namespace sampan

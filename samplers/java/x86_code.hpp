// Just enough of x86-64 to know where a return address lies in code without unwind rows: instruction
// lengths, and what each does to rsp and rbp.
#pragma once

#include <cstdint>
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
  LosesSp,         // rsp takes a value that cannot be followed
};

struct X86Instruction {
  std::uint8_t length = 0;     // 0: not an instruction that is known
  X86Effect effect = X86Effect::None;
  std::int64_t amount = 0;
};

X86Instruction decode_x86(Bytes code);

// Where the caller is, as seen from a place in code that leaves rsp and rbp in any state.
struct ReturnPlace {
  bool from_rbp = false;            // offsets count from rbp, not from rsp
  std::int64_t return_at = 0;       // bytes from the base to the slot that holds the return address
  std::optional<std::int64_t> saved_rbp_at;   // the slot of the caller's rbp; none: rbp is the caller's
};

// Follows the code from `at` to its return, at most `most` instructions. Nothing where it meets what it cannot follow.
std::optional<ReturnPlace> follow_to_return(Bytes code, std::size_t at, unsigned most);

// Follows the code from an entry up to `at` (a prologue: no branch taken); rsp at the entry holds the return address.
std::optional<ReturnPlace> follow_from_entry(Bytes code, std::size_t entry, std::size_t at);

}  // namespace sampan::java

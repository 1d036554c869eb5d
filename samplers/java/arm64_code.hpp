// Just enough of AArch64 to know where a return address is in code without unwind rows: what each instruction does to sp,
// x29 and x30. Every instruction is four bytes long.
#pragma once

#include <cstdint>

namespace sampan::java {

enum class Arm64Effect : std::uint8_t {
  None,
  AdjustSp,        // sp += amount
  SpFromFp,        // sp = x29 + amount
  FpFromSp,        // x29 = sp + amount
  Store, Load,     // of x29 and x30, where `fp` and `lr` say; sp moves by `before` ahead of it and by `after` behind it
  LosesFp, LosesLr, LosesSp,   // takes a value that cannot be followed
  Jump, Branch, Call,          // to this instruction + amount; calls leave x30 behind
  IndirectJump, Return,
  Unknown,         // no instruction
};

struct Arm64Instruction {
  static constexpr std::int64_t kNot = INT64_MIN;
  Arm64Effect effect = Arm64Effect::None;
  std::int64_t amount = 0;
  std::int64_t before = 0, after = 0;
  std::int64_t fp = kNot, lr = kNot;   // bytes from sp; kNot: not among them
};

Arm64Instruction decode_arm64(std::uint32_t word);

}  // namespace sampan::java

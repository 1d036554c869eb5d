#include "samplers/java/arm64_code.hpp"

namespace sampan::java {
namespace {

constexpr unsigned kFp = 29, kLr = 30, kSp = 31;

using Effect = Arm64Effect;

unsigned bits(std::uint32_t word, unsigned low, unsigned count) { return (word >> low) & ((1u << count) - 1); }
std::int64_t signed_bits(std::uint32_t word, unsigned low, unsigned count) {
  return static_cast<std::int64_t>(std::uint64_t{word} << (64 - low - count)) >> (64 - count);
}

struct Access {
  bool load = false, vector = false;
  unsigned first = 32, second = 32, base = 0;
  std::int64_t size = 8, offset = 0;
  unsigned mode = 2;     // 1: base moves behind it, 2: it does not, 3: ahead of it
};

// What an access to memory does to the stack pointer and to x29 and x30.
Arm64Instruction effect_of(const Access& a) {
  Arm64Instruction i;
  const bool fp = !a.vector && (a.first == kFp || a.second == kFp), lr = !a.vector && (a.first == kLr || a.second == kLr);
  if (a.base != kSp) {
    if (a.load && (fp || lr)) i.effect = lr ? Effect::LosesLr : Effect::LosesFp;
    return i;
  }
  if (a.mode != 2 || fp || lr) i.effect = a.load ? Effect::Load : Effect::Store;
  if (a.mode == 3) i.before = a.offset;
  if (a.mode == 1) i.after = a.offset;
  const std::int64_t at = a.mode == 2 ? a.offset : 0;
  if (fp) i.fp = at + (a.second == kFp ? a.size : 0);
  if (lr) i.lr = at + (a.second == kLr ? a.size : 0);
  return i;
}

Arm64Instruction pair(std::uint32_t word) {
  Access a;
  const unsigned opc = bits(word, 30, 2);
  a.vector = bits(word, 26, 1) != 0;
  a.load = bits(word, 22, 1) != 0;
  a.size = a.vector ? std::int64_t{4} << opc : opc == 2 ? 8 : 4;
  a.first = bits(word, 0, 5), a.second = bits(word, 10, 5), a.base = bits(word, 5, 5);
  a.mode = bits(word, 23, 2) == 0 ? 2 : bits(word, 23, 2);
  a.offset = signed_bits(word, 15, 7) * a.size;
  return effect_of(a);
}

Arm64Instruction single(std::uint32_t word) {
  Access a;
  const unsigned size = bits(word, 30, 2), opc = bits(word, 22, 2);
  a.vector = bits(word, 26, 1) != 0;
  a.load = a.vector ? (opc & 1) != 0 : opc != 0;
  a.first = bits(word, 0, 5), a.base = bits(word, 5, 5);
  const bool scaled = bits(word, 24, 1) != 0;
  const unsigned shift = a.vector && opc >= 2 ? 4 : size;
  if (scaled) a.offset = static_cast<std::int64_t>(bits(word, 10, 12)) << shift;
  else a.offset = signed_bits(word, 12, 9), a.mode = bits(word, 10, 2) == 0 ? 2 : bits(word, 10, 2);
  if (!a.vector && size == 3 && opc == 2) return {};   // a prefetch
  return effect_of(a);
}

Arm64Instruction add_or_subtract(std::uint32_t word) {
  const unsigned to = bits(word, 0, 5), from = bits(word, 5, 5);
  const bool flags = bits(word, 29, 1) != 0;
  std::int64_t amount = static_cast<std::int64_t>(bits(word, 10, 12)) << (bits(word, 22, 1) != 0 ? 12 : 0);
  if (bits(word, 30, 1) != 0) amount = -amount;
  Arm64Instruction i;
  i.amount = amount;
  if (to == kSp && flags) return {};
  if (to == kSp) i.effect = from == kSp ? Effect::AdjustSp : from == kFp ? Effect::SpFromFp : Effect::LosesSp;
  else if (to == kFp) i.effect = from == kSp ? Effect::FpFromSp : Effect::LosesFp;
  else if (to == kLr) i.effect = Effect::LosesLr;
  return i;
}

Arm64Instruction writes(unsigned to, bool may_be_sp) {
  Arm64Instruction i;
  if (to == kFp) i.effect = Effect::LosesFp;
  else if (to == kLr) i.effect = Effect::LosesLr;
  else if (to == kSp && may_be_sp) i.effect = Effect::LosesSp;
  return i;
}

Arm64Instruction jump(Effect effect, std::int64_t instructions = 0) {
  Arm64Instruction i;
  i.effect = effect;
  i.amount = instructions * 4;
  return i;
}

}  // namespace

Arm64Instruction decode_arm64(std::uint32_t word) {
  const auto is = [word](std::uint32_t mask, std::uint32_t value) { return (word & mask) == value; };
  if (is(0xffff0000, 0)) return jump(Effect::Unknown);
  if (is(0xfc000000, 0x14000000)) return jump(Effect::Jump, signed_bits(word, 0, 26));
  if (is(0xfc000000, 0x94000000)) return jump(Effect::Call, signed_bits(word, 0, 26));
  if (is(0xff000000, 0x54000000) || is(0x7e000000, 0x34000000)) return jump(Effect::Branch, signed_bits(word, 5, 19));
  if (is(0x7e000000, 0x36000000)) return jump(Effect::Branch, signed_bits(word, 5, 14));
  if (is(0xfffffc1f, 0xd61f0000) || is(0xfefff800, 0xd61f0800)) return jump(Effect::IndirectJump);   // br, braa, brab
  if (is(0xfffffc1f, 0xd63f0000) || is(0xfefff800, 0xd63f0800)) return jump(Effect::Call);           // blr, blraa, blrab
  if (is(0xffffffff, 0xd65f03c0) || is(0xfffffbff, 0xd65f0bff)) return jump(Effect::Return);         // ret, retaa, retab
  if (is(0x3a000000, 0x28000000)) return pair(word);
  if (is(0x3b200000, 0x38000000) || is(0x3b000000, 0x39000000)) return single(word);
  if (is(0x9f800000, 0x91000000)) return add_or_subtract(word);
  if (is(0x1f200000, 0x0b200000)) return writes(bits(word, 0, 5), bits(word, 29, 1) == 0);            // add, sub (extended)
  if (is(0x1f800000, 0x12000000)) return writes(bits(word, 0, 5), bits(word, 29, 2) != 3);            // and, orr, eor (immediate)
  if (is(0x1f800000, 0x12800000)) return writes(bits(word, 0, 5), false);                             // movn, movz, movk
  if (is(0x1f000000, 0x10000000)) return writes(bits(word, 0, 5), false);                             // adr, adrp
  if (is(0x1f000000, 0x0a000000) || is(0x1f200000, 0x0b000000)) return writes(bits(word, 0, 5), false);   // by registers
  return {};
}

}  // namespace sampan::java

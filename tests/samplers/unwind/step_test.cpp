// One step by one row, on a stack of literals: what arm64 does otherwise than x86_64, on either processor.
#include <gtest/gtest.h>

#include "samplers/unwind/unwinder.hpp"

namespace sampan {
namespace {

constexpr std::uint64_t kStack = 0x7000'0000, kCode = 0x40'0000, kBits = (std::uint64_t{1} << 48) - 1;
constexpr std::uint64_t kSigned = kCode | std::uint64_t{0x2f} << 48;   // as pacia leaves it

// Words from kStack up.
class Stack {
 public:
  explicit Stack(std::vector<std::uint64_t> words) : words_(std::move(words)) {}
  StackCopy copy() const { return {kStack, std::as_bytes(std::span(words_))}; }

 private:
  std::vector<std::uint64_t> words_;
};

FrameState arm_frame() {
  FrameState frame;
  frame.architecture = &sampan_aarch64;
  frame.registers.pc = kCode + 0x100;
  frame.registers.sp = kStack;
  frame.registers.fp = kStack + 0x40;
  frame.registers.lr = kSigned;
  return frame;
}

sampan_row row(int kind, int base, int slot, int cfa, int fp) {
  return {0, static_cast<__s16>(cfa), static_cast<__s8>(fp), static_cast<__u8>(kind | base | slot)};
}

TEST(Step, LeavesALeafByItsLinkRegisterOnce) {
  const Stack stack({1, 2, 3, 4});
  FrameState frame = arm_frame();
  const sampan_row leaf = row(SAMPAN_ROW_SP, 0, 0, 0, 0);
  ASSERT_EQ(step_by(leaf, stack.copy(), kBits, frame), Step::Caller);
  EXPECT_EQ(frame.registers.pc, kCode);          // the signature is gone
  EXPECT_EQ(frame.registers.sp, kStack);
  EXPECT_EQ(frame.registers.fp, kStack + 0x40);
  EXPECT_FALSE(frame.exact);
  // What called something has no return address in a register any more: it is not guessed.
  EXPECT_EQ(step_by(leaf, stack.copy(), kBits, frame), Step::Lost);
}

TEST(Step, TakesRecordsReturnAddressesAloneAndPairsApart) {
  const Stack stack({0x11, kSigned, 0x22, kCode + 4, 0x33, 0x44, 0x55, 0x66});
  FrameState frame = arm_frame();
  ASSERT_EQ(step_by(row(SAMPAN_ROW_SP, SAMPAN_BASE_CFA, SAMPAN_SLOT_RECORD, 6, -6), stack.copy(), kBits, frame), Step::Caller);
  EXPECT_EQ(frame.registers.pc, kCode);
  EXPECT_EQ(frame.registers.fp, 0x11u);
  EXPECT_EQ(frame.registers.sp, kStack + 48);

  frame = arm_frame();
  ASSERT_EQ(step_by(row(SAMPAN_ROW_SP, SAMPAN_BASE_CFA, SAMPAN_SLOT_RA, 4, -3), stack.copy(), kBits, frame), Step::Caller);
  EXPECT_EQ(frame.registers.pc, kCode);
  EXPECT_EQ(frame.registers.fp, kStack + 0x40);

  frame = arm_frame();   // fp four words below the CFA, the return address one
  ASSERT_EQ(step_by(row(SAMPAN_ROW_SP, SAMPAN_BASE_CFA, SAMPAN_SLOT_BOTH, 4, 0x03), stack.copy(), kBits, frame), Step::Caller);
  EXPECT_EQ(frame.registers.pc, kCode + 4);
  EXPECT_EQ(frame.registers.fp, 0x11u);

  frame = arm_frame();   // far from the CFA: from sp
  ASSERT_EQ(step_by(row(SAMPAN_ROW_SP, SAMPAN_BASE_SP, SAMPAN_SLOT_RECORD, 4096, 2), stack.copy(), kBits, frame), Step::Caller);
  EXPECT_EQ(frame.registers.pc, kCode + 4);
  EXPECT_EQ(frame.registers.fp, 0x22u);
  EXPECT_EQ(frame.registers.sp, kStack + 4096 * 8);
}

TEST(Step, BehindAFrameRecordSpIsKnownByTheNextOneOnly) {
  std::vector<std::uint64_t> words(16);
  words[2] = kStack + 0x40, words[3] = kCode;         // a record of code without rows
  words[8] = 0, words[9] = kCode + 8;                 // its caller's
  const Stack stack(words);
  FrameState frame = arm_frame();
  frame.registers.fp = kStack + 0x10;
  ASSERT_EQ(step_by(row(SAMPAN_ROW_NONE, 0, 0, 0, 0), stack.copy(), kBits, frame), Step::Caller);
  EXPECT_FALSE(frame.sp_known);
  FrameState other = frame;
  EXPECT_EQ(step_by(row(SAMPAN_ROW_SP, SAMPAN_BASE_CFA, SAMPAN_SLOT_RA, 4, -4), stack.copy(), kBits, other), Step::Lost);
  ASSERT_EQ(step_by(row(SAMPAN_ROW_SP, SAMPAN_BASE_CFA, SAMPAN_SLOT_RECORD, 8, -6), stack.copy(), kBits, frame), Step::Caller);
  EXPECT_EQ(frame.registers.pc, kCode + 8);
  EXPECT_EQ(frame.registers.sp, kStack + 0x40 + 48);
  EXPECT_TRUE(frame.sp_known);
}

// Nor does a return address of 0 that a frame pointer led to; a signature in it makes no address of it.
TEST(Step, AFramePointerOfZeroProvesNoRoot) {
  for (const sampan_architecture* cpu : {&sampan_x86_64, &sampan_aarch64}) {
    const Stack stack({0, kSigned & ~kBits});
    FrameState frame = arm_frame();
    frame.architecture = cpu;
    frame.registers.fp = 0;
    FrameState other = frame;
    EXPECT_EQ(step_by(row(SAMPAN_ROW_NONE, 0, 0, 0, 0), stack.copy(), kBits, frame), Step::Lost);
    EXPECT_EQ(step_by(row(SAMPAN_ROW_FP_SWITCH, 0, 0, 2, 0), stack.copy(), kBits, frame), Step::Lost);
    other.registers.fp = kStack;
    EXPECT_EQ(step_by(row(SAMPAN_ROW_NONE, 0, 0, 0, 0), stack.copy(), kBits, other), Step::Lost);
  }
}

// They walk as the kinds they were derived as, and are told from those.
TEST(Step, DerivedRowsAreRowsAndSaySo) {
  const Stack stack({0x11, 0x22, 0x33, kCode});
  FrameState frame = arm_frame();
  frame.architecture = &sampan_x86_64;
  const sampan_row plain = row(SAMPAN_ROW_SP, SAMPAN_BASE_CFA, SAMPAN_SLOT_FP, 4, -2);
  const sampan_row derived = row(SAMPAN_ROW_SP + SAMPAN_ROW_DERIVED, SAMPAN_BASE_CFA, SAMPAN_SLOT_FP, 4, -2);
  ASSERT_EQ(step_by(derived, stack.copy(), kBits, frame), Step::Caller);
  EXPECT_EQ(frame.registers.pc, kCode);
  EXPECT_EQ(frame.registers.fp, 0x33u);
  EXPECT_EQ(frame.registers.sp, kStack + 32);
  EXPECT_TRUE(sampan_row_inferred(&derived));
  EXPECT_FALSE(sampan_row_inferred(&plain));
  for (const int kind : {SAMPAN_ROW_ROOT, SAMPAN_ROW_UNKNOWN}) {
    const sampan_row told = row(kind, 0, 0, 0, 0), seen = row(kind, 0, 0, 0, SAMPAN_FP_DERIVED);
    EXPECT_FALSE(sampan_row_inferred(&told));
    EXPECT_TRUE(sampan_row_inferred(&seen));
  }
  for (int kind = SAMPAN_ROW_SP; kind <= SAMPAN_ROW_GO_INJECTED; ++kind) {
    EXPECT_EQ(SAMPAN_ROW_KIND(kind), kind);
    const sampan_row told = row(kind, 0, 0, 0, 0);
    EXPECT_FALSE(sampan_row_inferred(&told)) << kind;
  }
}

TEST(Step, ASignalFrameGivesTheLinkRegisterBack) {
  std::vector<std::uint64_t> words(80);
  words[544 / 8] = 0x77, words[552 / 8] = kSigned + 16, words[560 / 8] = kStack + 0x200, words[568 / 8] = kCode + 0x20;
  const Stack stack(words);
  FrameState frame = arm_frame();
  frame.exact = frame.innermost = false;
  ASSERT_EQ(step_by(row(SAMPAN_ROW_SIGNAL, 0, 0, 0, 0), stack.copy(), kBits, frame), Step::Caller);
  EXPECT_TRUE(frame.exact);
  ASSERT_EQ(step_by(row(SAMPAN_ROW_SP, 0, 0, 0, 0), stack.copy(), kBits, frame), Step::Caller);   // it interrupted a leaf
  EXPECT_EQ(frame.registers.pc, kCode + 16);
  EXPECT_EQ(frame.registers.sp, kStack + 0x200);
}

TEST(Step, GoOnArm64KeepsItsRecordAroundSp) {
  const Stack stack({0, 0x99, kCode, 0, 0, 0});
  FrameState frame = arm_frame();
  frame.registers.sp = kStack + 16;
  ASSERT_EQ(step_by(row(SAMPAN_ROW_SP, SAMPAN_BASE_SP, SAMPAN_SLOT_RECORD, 2, -1), stack.copy(), kBits, frame), Step::Caller);
  EXPECT_EQ(frame.registers.pc, kCode);
  EXPECT_EQ(frame.registers.fp, 0x99u);
  EXPECT_EQ(frame.registers.sp, kStack + 32);
}

TEST(Step, WhatGoInterruptedRunsOnWithItsOwnLinkRegister) {
  const Stack stack({0x99, kCode, 0, 0, 0, kCode + 0x44, 0, 0});   // fp, resume pc, …, lr at the CFA
  FrameState frame = arm_frame();
  frame.registers.sp = kStack + 8;
  frame.exact = false;
  ASSERT_EQ(step_by(row(SAMPAN_ROW_GO_INJECTED, SAMPAN_BASE_SP, SAMPAN_SLOT_RECORD, 4, -1), stack.copy(), kBits, frame), Step::Caller);
  EXPECT_EQ(frame.registers.pc, kCode);
  EXPECT_EQ(frame.registers.fp, 0x99u);
  EXPECT_EQ(frame.registers.sp, kStack + 8 + 32 + 16);
  EXPECT_TRUE(frame.exact);
  ASSERT_EQ(step_by(row(SAMPAN_ROW_SP, 0, 0, 0, 0), stack.copy(), kBits, frame), Step::Caller);   // it was a leaf
  EXPECT_EQ(frame.registers.pc, kCode + 0x44);
}

TEST(Step, OnX86TheReturnAddressLiesBelowTheCfa) {
  const Stack stack({0x11, kCode, 0, 0});
  FrameState frame = arm_frame();
  frame.architecture = &sampan_x86_64;
  const sampan_row saved = row(SAMPAN_ROW_SP, SAMPAN_BASE_CFA, SAMPAN_SLOT_FP, 2, -2);
  ASSERT_EQ(step_by(saved, stack.copy(), ~std::uint64_t{0}, frame), Step::Caller);
  EXPECT_EQ(frame.registers.pc, kCode);
  EXPECT_EQ(frame.registers.fp, 0x11u);
  EXPECT_EQ(step_by(row(SAMPAN_ROW_SP, 0, 0, 0, 0), stack.copy(), ~std::uint64_t{0}, frame), Step::Lost);   // CFA = sp is no frame
}

TEST(AddressBits, FollowTheAddressSpacesWidth) {
  EXPECT_EQ(address_bits(sampan_x86_64, 0x7fff'ffff'f000), ~std::uint64_t{0});
  EXPECT_EQ(address_bits(sampan_aarch64, 0xffff'f7ab'0000), (std::uint64_t{1} << 48) - 1);
  EXPECT_EQ(address_bits(sampan_aarch64, 0x7f'fe12'3000), (std::uint64_t{1} << 39) - 1);
  EXPECT_EQ(address_bits(sampan_aarch64, 0x5'ffff'f7ab'0000), (std::uint64_t{1} << 52) - 1);
}

}  // namespace
}  // namespace sampan

// Instructions as the assembler writes them, and code as HotSpot's does.
#include "samplers/java/arm64_code.hpp"

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "samplers/java/machine_code.hpp"

namespace sampan::java {
namespace {

struct Case {
  const char* text;
  std::uint32_t word;
  Arm64Effect effect;
  std::int64_t amount = 0, before = 0, after = 0;
};

TEST(Arm64Code, KnowsWhatMovesTheStackAndItsRegisters) {
  using E = Arm64Effect;
  const Case cases[] = {
      {"sub x9, sp, #0x14, lsl #12", 0xd14053e9, E::None, -0x14000},
      {"str xzr, [x9]", 0xf900013f, E::None},
      {"sub sp, sp, #0x40", 0xd10103ff, E::AdjustSp, -0x40},
      {"add sp, sp, #0x400", 0x911003ff, E::AdjustSp, 0x400},
      {"stp x29, x30, [sp, #48]", 0xa9037bfd, E::Store},
      {"stp x29, x30, [sp, #-16]!", 0xa9bf7bfd, E::Store, 0, -16, 0},
      {"ldp x29, x30, [sp], #16", 0xa8c17bfd, E::Load, 0, 0, 16},
      {"cmp sp, x8", 0xeb2863ff, E::None},
      {"b.hi .+32", 0x54000108, E::Branch, 32},
      {"ret", 0xd65f03c0, E::Return},
      {"retaa", 0xd65f0bff, E::Return},
      {"mov x29, sp", 0x910003fd, E::FpFromSp},
      {"mov sp, x29", 0x910003bf, E::SpFromFp},
      {"add sp, x29, #16", 0x910043bf, E::SpFromFp, 16},
      {"and sp, x9, #-16", 0x927ced3f, E::LosesSp},
      {"mov sp, x9", 0x9100013f, E::LosesSp},
      {"sub sp, sp, x9", 0xcb2963ff, E::LosesSp},
      {"str x30, [sp, #-16]!", 0xf81f0ffe, E::Store, 0, -16, 0},
      {"ldr x30, [sp], #16", 0xf84107fe, E::Load, 0, 0, 16},
      {"stp q0, q1, [sp, #-32]!", 0xadbf07e0, E::Store, 0, -32, 0},
      {"ldp d8, d9, [sp], #16", 0x6cc127e8, E::Load, 0, 0, 16},
      {"stp w0, w1, [sp, #-8]!", 0x29bf07e0, E::Store, 0, -8, 0},
      {"ldpsw x0, x1, [sp], #8", 0x68c107e0, E::Load, 0, 0, 8},
      {"ldr q0, [sp, #16]", 0x3dc007e0, E::None},
      {"mov x30, x9", 0xaa0903fe, E::LosesLr},
      {"adr x30, .+8", 0x1000005e, E::LosesLr},
      {"ldr x30, [x0]", 0xf940001e, E::LosesLr},
      {"mov x29, #1", 0xd280003d, E::LosesFp},
      {"bl .-8", 0x97fffffe, E::Call, -8},
      {"blr x9", 0xd63f0120, E::Call},
      {"br x9", 0xd61f0120, E::IndirectJump},
      {"paciasp", 0xd503233f, E::None},
      {"prfm pldl1keep, [sp]", 0xf98003e0, E::None},
      {"cmp x0, #1", 0xf100041f, E::None},
      {"cbz x0, .+8", 0xb4000040, E::Branch, 8},
      {"tbnz w0, #3, .-4", 0x371fffe0, E::Branch, -4},
      {"b .+12", 0x14000003, E::Jump, 12},
      {"udf #0", 0x00000000, E::Unknown},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.text);
    const Arm64Instruction i = decode_arm64(c.word);
    EXPECT_EQ(i.effect, c.effect);
    EXPECT_EQ(c.effect == E::None ? c.amount : i.amount, c.amount);
    EXPECT_EQ(i.before, c.before);
    EXPECT_EQ(i.after, c.after);
  }
  EXPECT_EQ(decode_arm64(0xa9037bfd).fp, 48);
  EXPECT_EQ(decode_arm64(0xa9037bfd).lr, 56);
  EXPECT_EQ(decode_arm64(0xf81f0ffe).lr, 0);
  EXPECT_EQ(decode_arm64(0xadbf07e0).lr, Arm64Instruction::kNot);   // q30 would be no x30 either
}

Bytes bytes(const std::vector<std::uint32_t>& words) { return std::as_bytes(std::span(words)); }

class Arm64Follow : public testing::Test {
 protected:
  std::map<std::uint64_t, std::uint64_t> stack{{0x1ff0, 0xbeef}, {0x1ff8, 0x1234}};
  StackWord word = [this](std::uint64_t address) -> std::optional<std::uint64_t> {
    const auto found = stack.find(address);
    return found == stack.end() ? std::nullopt : std::optional(found->second);
  };
  void expect_left(const std::optional<CodeState>& state, const char* where) {
    SCOPED_TRACE(where);
    ASSERT_TRUE(state);
    const auto sender = kArm64Code.return_from(*state, word);
    ASSERT_TRUE(sender);
    EXPECT_EQ(sender->pc, 0x1234u);
    EXPECT_EQ(sender->sp, 0x2000u);
    EXPECT_EQ(sender->fp, 0xbeefu);
  }
};

// A small frame of MacroAssembler::build_frame and remove_frame, with the bang ahead and the safepoint poll behind it.
const std::vector<std::uint32_t> kSmall = {0xd14053e9, 0xf900013f, 0xd10103ff, 0xa9037bfd, 0xd503201f, 0xa9437bfd, 0x910103ff,
                                           0xf9422788, 0xeb2863ff, 0x54000108, 0xd65f03c0};
const std::vector<std::uint32_t> kLarge = {0xa9bf7bfd, 0xd11003ff, 0xd503201f, 0x911003ff, 0xa8c17bfd, 0xd65f03c0};

TEST_F(Arm64Follow, UndoesAPrologueAtEachInstruction) {
  for (const std::size_t at : {0, 4, 8}) expect_left(kArm64Code.undo_prologue(bytes(kSmall), at, {0x2000, 0xbeef, true, 0x1234, true}, word), "ahead of the frame");
  expect_left(kArm64Code.undo_prologue(bytes(kSmall), 12, {0x1fc0, 0xbeef, true, 0x1234, true}, word), "sp is down");
  expect_left(kArm64Code.undo_prologue(bytes(kSmall), 16, {0x1fc0, 0x99, true, 0x98, true}, word), "all is saved");
  expect_left(kArm64Code.undo_prologue(bytes(kLarge), 4, {0x1ff0, 0x99, true, 0x98, true}, word), "the record");
  expect_left(kArm64Code.undo_prologue(bytes(kLarge), 8, {0x1bf0, 0x99, true, 0x98, true}, word), "the record and the rest");
  EXPECT_FALSE(kArm64Code.undo_prologue(bytes(kSmall), 2, {}, word)) << "inside an instruction";
}

TEST_F(Arm64Follow, FollowsAnEpilogueFromEachInstruction) {
  for (const std::size_t at : {16, 20}) expect_left(kArm64Code.follow_to_return(bytes(kSmall), at, {0x1fc0, 0x99, true, 0x98, false}, word, 8), "framed");
  expect_left(kArm64Code.follow_to_return(bytes(kSmall), 24, {0x1fc0, 0xbeef, true, 0x1234, true}, word, 8), "reloaded");
  for (const std::size_t at : {28, 32, 36, 40}) {
    expect_left(kArm64Code.follow_to_return(bytes(kSmall), at, {0x2000, 0xbeef, true, 0x1234, true}, word, 8), "gone");
  }
  expect_left(kArm64Code.follow_to_return(bytes(kLarge), 12, {0x1bf0, 0x99, true, 0x98, false}, word, 8), "large");
  EXPECT_FALSE(kArm64Code.follow_to_return(bytes(kSmall), 16, {0x1fc0, 0x99, true, 0x98, false}, word, 2)) << "the return is further on";
}

TEST_F(Arm64Follow, WhatIsSavedOnTheWayLiesOverTheStack) {
  stack = {{0x1ff0, 1}, {0x1ff8, 2}};   // stale: the store below writes here
  const std::vector<std::uint32_t> code = {0xa9bf7bfd, 0x910003fd, 0x97fffffe, 0xa8c17bfd, 0xd65f03c0};
  expect_left(kArm64Code.follow_to_return(bytes(code), 0, {0x2000, 0xbeef, true, 0x1234, true}, word, 8), "stp; mov; bl; ldp; ret");
}

TEST_F(Arm64Follow, GivesUpWhereItCannotKnow) {
  const CodeState state{0x2000, 0, true, 0x1234, true};
  const auto follow = [&](std::vector<std::uint32_t> code) { return kArm64Code.follow_to_return(bytes(code), 0, state, word, 100); };
  EXPECT_FALSE(follow({0xd61f0120})) << "br x9";
  EXPECT_FALSE(follow({0x927ced3f, 0xd65f03c0})) << "and sp";
  EXPECT_FALSE(follow({0x97fffffe, 0xd65f03c0})) << "a call left its own return address in x30";
  EXPECT_FALSE(follow({0x14000000})) << "a loop";
  EXPECT_FALSE(follow({0x17ffffff, 0xd65f03c0})) << "a jump back out of the code";
  EXPECT_FALSE(follow({0x00000000, 0xd65f03c0})) << "data";
  EXPECT_FALSE(follow({}));
  EXPECT_FALSE(kArm64Code.return_from({0x2000, 0, true, 0, false}, word));
}

TEST(Arm64Code, KnowsCallsAndSystemCalls) {
  const std::vector<std::uint32_t> call = {0xd503201f, 0x97fffffe}, system_call = {0xd503201f, 0xd4000001};
  EXPECT_EQ(kArm64Code.call_target(bytes(call), 0x5008), 0x5004u - 8);
  EXPECT_EQ(kArm64Code.call_target(bytes(system_call), 0x5008), 0u);
  EXPECT_TRUE(kArm64Code.is_system_call(bytes(system_call)));
  EXPECT_FALSE(kArm64Code.is_system_call(bytes(call)));
}

}  // namespace
}  // namespace sampan::java

#include "samplers/java/x86_follow.hpp"

#include <gtest/gtest.h>

#include <map>
#include <vector>

namespace sampan::java {
namespace {

std::vector<std::byte> code(std::initializer_list<int> bytes) {
  std::vector<std::byte> out;
  for (int byte : bytes) out.push_back(static_cast<std::byte>(byte));
  return out;
}

struct Length {
  const char* text;
  std::vector<std::byte> bytes;
};

TEST(X86Code, KnowsTheLengthOfWhatStubsAreMadeOf) {
  const Length cases[] = {
      {"mov eax, [rsp-0x14000]", code({0x89, 0x84, 0x24, 0x00, 0xc0, 0xfe, 0xff})},
      {"sub rsp, 0x50", code({0x48, 0x83, 0xec, 0x50})},
      {"mov r10, [r15+0x108]", code({0x4d, 0x8b, 0x97, 0x08, 0x01, 0x00, 0x00})},
      {"cmp rsp, [r15+0x340]", code({0x49, 0x3b, 0xa7, 0x40, 0x03, 0x00, 0x00})},
      {"ja +0x20", code({0x0f, 0x87, 0x20, 0x00, 0x00, 0x00})},
      {"test eax, [rip+x]", code({0x85, 0x05, 0x10, 0x20, 0x30, 0x40})},
      {"mov r10, imm64", code({0x49, 0xba, 1, 2, 3, 4, 5, 6, 7, 8})},
      {"vmovdqu ymm0, [rsi+rcx*8-0x38]", code({0xc5, 0xfe, 0x6f, 0x44, 0xce, 0xc8})},
      {"vzeroupper", code({0xc5, 0xf8, 0x77})},
      {"vpshufb, VEX3 0F38", code({0xc4, 0xe2, 0x75, 0x00, 0xc2})},
      {"vpalignr, VEX3 0F3A imm8", code({0xc4, 0xe3, 0x75, 0x0f, 0xc2, 0x08})},
      {"vmovdqu64 zmm, EVEX", code({0x62, 0xf1, 0xfe, 0x48, 0x6f, 0x06})},
      {"sha256rnds2", code({0x0f, 0x38, 0xcb, 0xd1})},
      {"repne scas", code({0xf2, 0x48, 0xaf})},
      {"lock cmpxchg [rdi], rsi", code({0xf0, 0x48, 0x0f, 0xb1, 0x37})},
      {"test byte [rdi], 1", code({0xf6, 0x07, 0x01})},
      {"test dword [rdi+4], imm32", code({0xf7, 0x47, 0x04, 1, 0, 0, 0})},
      {"neg eax", code({0xf7, 0xd8})},
      {"mov word [rdi], imm16", code({0x66, 0xc7, 0x07, 0x34, 0x12})},
      {"bswap eax", code({0x0f, 0xc8})},
      {"movzx ebx, byte [r13]", code({0x41, 0x0f, 0xb6, 0x5d, 0x00})},
      {"imul eax, ecx, 7", code({0x6b, 0xc1, 0x07})},
      {"enter", code({0xc8, 0x10, 0x00, 0x00})},
  };
  for (const Length& c : cases) EXPECT_EQ(decode_x86(c.bytes).length, c.bytes.size()) << c.text;
}

TEST(X86Code, CutShortIsNoInstruction) {
  const auto whole = code({0x48, 0x81, 0xec, 0x00, 0x01, 0x00, 0x00});
  for (std::size_t size = 0; size < whole.size(); ++size) EXPECT_EQ(decode_x86(Bytes(whole).first(size)).length, 0) << size;
}

class Follow : public testing::Test {
 protected:
  std::map<std::uint64_t, std::uint64_t> stack;
  StackWord word = [this](std::uint64_t address) -> std::optional<std::uint64_t> {
    const auto found = stack.find(address);
    return found == stack.end() ? std::nullopt : std::optional(found->second);
  };
};

// sub rsp, 0x20; ...; add rsp, 0x20; pop rbp; cmp rsp, [r15+0x340]; ja; ret
const auto kMethod = code({0x55, 0x48, 0x83, 0xec, 0x20, 0x90, 0x48, 0x83, 0xc4, 0x20, 0x5d, 0x49, 0x3b, 0xa7, 0x40, 0x03, 0, 0,
                           0x0f, 0x87, 0x10, 0, 0, 0, 0xc3});

TEST_F(Follow, UndoesAPrologueAtEachInstruction) {
  stack[0x1ff8] = 0xbeef;   // saved rbp, below the return address at 0x2000
  const auto at_entry = undo_prologue(kMethod, 0, {0x2000, 0xbeef, true}, word);
  ASSERT_TRUE(at_entry);
  EXPECT_EQ(at_entry->sp, 0x2000u);
  EXPECT_EQ(at_entry->fp, 0xbeefu);
  const auto pushed = undo_prologue(kMethod, 1, {0x1ff8, 0x77, true}, word);
  ASSERT_TRUE(pushed);
  EXPECT_EQ(pushed->sp, 0x2000u);
  EXPECT_EQ(pushed->fp, 0xbeefu);
  const auto built = undo_prologue(kMethod, 5, {0x1fd8, 0x77, true}, word);
  ASSERT_TRUE(built);
  EXPECT_EQ(built->sp, 0x2000u);
  EXPECT_EQ(built->fp, 0xbeefu);
  EXPECT_FALSE(undo_prologue(kMethod, 3, {0x1fd8, 0x77, true}, word)) << "inside an instruction";
}

TEST_F(Follow, FollowsAnEpilogueFromEachInstruction) {
  stack[0x1ff8] = 0xbeef;
  const std::pair<std::size_t, std::uint64_t> places[] = {{5, 0x1fd8}, {6, 0x1fd8}, {10, 0x1ff8}, {11, 0x2000}, {18, 0x2000}, {24, 0x2000}};
  for (const auto& [at, sp] : places) {
    const bool popped = sp == 0x2000;
    const auto left = follow_to_return(kMethod, at, {sp, popped ? 0xbeef : 0x77u, true}, word, 8);
    ASSERT_TRUE(left) << at;
    EXPECT_EQ(left->sp, 0x2000u) << at;
    EXPECT_EQ(left->fp, 0xbeefu) << at;
  }
  EXPECT_FALSE(follow_to_return(kMethod, 5, {0x1fd8, 0x77, true}, word, 2)) << "the return is further on";
}

TEST_F(Follow, WhatIsPushedOnTheWayLiesOverTheStack) {
  stack[0x1ff0] = 0xdead;   // stale: the push below writes here
  // push rbp; mov rbp, rsp; leave; ret
  const auto bytes = code({0x55, 0x48, 0x8b, 0xec, 0xc9, 0xc3});
  const auto left = follow_to_return(bytes, 0, {0x1ff8, 0x4000, true}, word, 8);
  ASSERT_TRUE(left);
  EXPECT_EQ(left->sp, 0x1ff8u);
  EXPECT_EQ(left->fp, 0x4000u);
}

TEST_F(Follow, ReloadsAnAlignedStackPointer) {
  stack[0x1010] = 0x2000;
  // mov rsp, [rsp+0x10]; ret
  const auto left = follow_to_return(code({0x48, 0x8b, 0x64, 0x24, 0x10, 0xc3}), 0, {0x1000, 0, true}, word, 8);
  ASSERT_TRUE(left);
  EXPECT_EQ(left->sp, 0x2000u);
}

TEST_F(Follow, LeavesALoopByABranch) {
  // again: test eax, eax; je out; push rax; pop rax; jmp again; out: add rsp, 0x20; ret
  const auto bytes = code({0x85, 0xc0, 0x74, 0x04, 0x50, 0x58, 0xeb, 0xf8, 0x48, 0x83, 0xc4, 0x20, 0xc3});
  for (const std::size_t at : {0, 4, 6, 8}) {
    const auto left = follow_to_return(bytes, at, {0x1fe0, 0, true}, word, 100);
    ASSERT_TRUE(left) << at;
    EXPECT_EQ(left->sp, 0x2000u) << at;
  }
  const auto pushed = follow_to_return(bytes, 5, {0x1fd8, 0, true}, word, 100);
  ASSERT_TRUE(pushed);
  EXPECT_EQ(pushed->sp, 0x2000u);
}

TEST_F(Follow, GivesUpWhereItCannotKnow) {
  EXPECT_FALSE(follow_to_return(code({0xff, 0xe0}), 0, {}, word, 8)) << "jmp rax";
  EXPECT_FALSE(follow_to_return(code({0x48, 0x83, 0xe4, 0xf0, 0xc3}), 0, {}, word, 8)) << "and rsp, -16";
  EXPECT_FALSE(follow_to_return(code({0xc9, 0xc3}), 0, {0x1000, 0, false}, word, 8)) << "leave without rbp";
  EXPECT_FALSE(follow_to_return(code({0xe9, 0x00, 0x10, 0, 0, 0xc3}), 0, {}, word, 8)) << "a jump outside";
  EXPECT_FALSE(follow_to_return(code({0xeb, 0xfe}), 0, {}, word, 1000)) << "a loop";
  EXPECT_FALSE(follow_to_return({}, 0, {}, word, 8));
}

}  // namespace
}  // namespace sampan::java

// Code without unwind rows, byte by byte: where its return address lies at each instruction.
#include "samplers/unwind/derived_rows.hpp"

#include <gtest/gtest.h>

#include "samplers/unwind/cfi.hpp"

namespace sampan {
namespace {

constexpr std::uint64_t kAt = 0x1000;

std::vector<std::byte> code(std::initializer_list<int> bytes) {
  std::vector<std::byte> out;
  for (const int byte : bytes) out.push_back(static_cast<std::byte>(byte));
  return out;
}

class Derived {
 public:
  explicit Derived(std::vector<std::byte> bytes, std::vector<std::uint64_t> starts = {kAt}) : rows_(derive_rows(bytes, kAt, starts)) {}
  sampan_row at(std::uint32_t offset) const {
    const sampan_row* row = find_row(rows_, offset);
    return row ? *row : sampan_row{};
  }
  int kind(std::uint32_t offset) const { return SAMPAN_ROW_KIND(at(offset).kind); }
  int cfa(std::uint32_t offset) const { return at(offset).cfa; }

 private:
  std::vector<sampan_row> rows_;
};

TEST(DerivedRows, FollowAPushAndAFrameOfItsOwn) {
  const Derived rows(code({0x53,                      //  0 push rbx
                           0x48, 0x83, 0xec, 0x20,    //  1 sub rsp, 32
                           0x90, 0x90,                //  5 nop nop
                           0x48, 0x83, 0xc4, 0x20,    //  7 add rsp, 32
                           0x5b,                      // 11 pop rbx
                           0xc3}));                   // 12 ret
  EXPECT_EQ(rows.kind(0), SAMPAN_ROW_SP);
  const sampan_row first = rows.at(0);
  EXPECT_TRUE(sampan_row_inferred(&first));
  EXPECT_EQ(rows.cfa(0), 1);
  EXPECT_EQ(rows.cfa(1), 2);
  EXPECT_EQ(rows.cfa(5), 6);
  EXPECT_EQ(rows.cfa(11), 2);
  EXPECT_EQ(rows.cfa(12), 1);
  EXPECT_EQ(rows.kind(13), SAMPAN_ROW_NONE);
}

TEST(DerivedRows, KnowWhereTheCallersFramePointerIs) {
  const Derived rows(code({0x55,                      // 0 push rbp
                           0x31, 0xed,                // 1 xor ebp, ebp
                           0x90,                      // 3 nop
                           0x5d,                      // 4 pop rbp
                           0xc3}));                   // 5 ret
  EXPECT_EQ(rows.at(3).fp, -2);
  EXPECT_EQ(SAMPAN_ROW_BASE(rows.at(3).kind), SAMPAN_BASE_CFA);
  EXPECT_EQ(SAMPAN_ROW_SLOT(rows.at(3).kind), SAMPAN_SLOT_FP);
  EXPECT_EQ(SAMPAN_ROW_BASE(rows.at(5).kind), SAMPAN_BASE_NONE);
}

TEST(DerivedRows, GoByTheFramePointerWhereTheStackPointerIsLost) {
  const Derived rows(code({0x55,                            //  0 push rbp
                           0x48, 0x89, 0xe5,                //  1 mov rbp, rsp
                           0x48, 0x83, 0xe4, 0xe0,          //  4 and rsp, -32
                           0x90,                            //  8 nop
                           0xc9,                            //  9 leave
                           0xc3}));                         // 10 ret
  EXPECT_EQ(rows.kind(8), SAMPAN_ROW_FP);
  EXPECT_EQ(rows.cfa(8), 2);
  EXPECT_EQ(rows.kind(10), SAMPAN_ROW_SP);
  EXPECT_EQ(rows.cfa(10), 1);
}

TEST(DerivedRows, FollowBothWaysOfABranchAndNoCallThatDoesNotReturn) {
  const Derived rows(code({0x50,                            //  0 push rax
                           0x74, 0x06,                      //  1 je 9
                           0xe8, 0x13, 0x00, 0x00, 0x00,    //  3 call 0x1b
                           0x90,                            //  8 nop, within the function
                           0x58, 0xc3,                      //  9 pop rax; ret
                           0x90, 0x90, 0x90, 0x90, 0x90,
                           0x50,                            // 16 push rax: another function
                           0xe8, 0x05, 0x00, 0x00, 0x00,    // 17 call 0x1b: never returns
                           0x90, 0x90,                      // 22 nop nop, between functions
                           0x50, 0x58, 0xc3,                // 24 push; pop; ret: another
                           0xf4}),                          // 27 hlt
                     {kAt, kAt + 16, kAt + 24});
  EXPECT_EQ(rows.cfa(3), 2);
  EXPECT_EQ(rows.cfa(8), 2);
  EXPECT_EQ(rows.cfa(9), 2);
  EXPECT_EQ(rows.cfa(10), 1);
  EXPECT_EQ(rows.cfa(17), 2);
  EXPECT_EQ(rows.kind(22), SAMPAN_ROW_NONE);
  EXPECT_EQ(rows.cfa(24), 1);
}

// What runs on into it behind a call that does not return is no way to it.
TEST(DerivedRows, AFunctionThatOnlyATailCallLeadsTo) {
  const Derived rows(code({0x51,                          //  0 push rcx
                           0xe8, 0x18, 0, 0, 0,           //  1 call 30
                           0x0f, 0x1f, 0x80, 0, 0, 0, 0,  //  6 nop
                           0x0f, 0x1f, 0x00,              // 13 nop
                           0x53,                          // 16 push rbx
                           0x5b,                          // 17 pop rbx
                           0xc3,                          // 18 ret
                           0xcc, 0xcc, 0xcc, 0xcc, 0xcc,  // 19
                           0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc,
                           0xeb, 0xf0}),                  // 30 jmp 16
                     {kAt, kAt + 30});
  EXPECT_EQ(rows.kind(16), SAMPAN_ROW_SP);
  EXPECT_EQ(rows.cfa(16), 1);
  EXPECT_EQ(rows.cfa(17), 2);
}

TEST(DerivedRows, SayUnknownWhereWaysDisagree) {
  const Derived rows(code({0x74, 0x01,      // 0 je 3
                           0x50,            // 2 push rax
                           0x90,            // 3 nop: with or without
                           0xc3}));         // 4 ret
  EXPECT_EQ(rows.kind(3), SAMPAN_ROW_UNKNOWN);
}

TEST(DerivedRows, TellTheProgramsFirstCodeAndTheCallThatAThreadEndsAfter) {
  const Derived start(code({0x31, 0xed, 0x50, 0xe8, 0, 0, 0, 0, 0xf4}));   // xor ebp, ebp; push; call; hlt
  EXPECT_EQ(start.kind(4), SAMPAN_ROW_ROOT);
  const Derived clone(code({0x58,                     // 0 pop rax
                            0x41, 0xff, 0xd1,         // 1 call r9
                            0x89, 0xc7,               // 4 mov edi, eax
                            0x31, 0xc0, 0xb0, 0x3c,   // 6 xor eax, eax; mov al, 60
                            0x0f, 0x05, 0xf4}));      // 10 syscall; hlt
  EXPECT_EQ(clone.kind(3), SAMPAN_ROW_ROOT);
  EXPECT_NE(clone.kind(6), SAMPAN_ROW_ROOT);
}

TEST(DerivedRows, OfASwitchTakeWhatNothingElseLeadsTo) {
  const Derived rows(code({0x53,                      // 0 push rbx
                           0xff, 0xe0,                // 1 jmp rax
                           0x90, 0x5b, 0xc3}));       // 3 nop; pop rbx; ret
  EXPECT_EQ(rows.cfa(4), 2);
  EXPECT_EQ(rows.cfa(5), 1);
}

}  // namespace
}  // namespace sampan

// Jumps as assemblers write them, of both processors.
#include "samplers/unwind/branches.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace sampan {
namespace {

constexpr std::uint64_t kStart = 0x400000;

std::uint64_t arm64_jump(std::uint32_t word) {
  return branch_target(sampan_aarch64, std::as_bytes(std::span(&word, 1)), 0, kStart);
}

TEST(Branches, OfArm64) {
  EXPECT_EQ(arm64_jump(0x14000040), kStart + 0x100);    // b +0x100
  EXPECT_EQ(arm64_jump(0x17ffffff), kStart - 4);        // b -4
  EXPECT_EQ(arm64_jump(0x54000801), kStart + 0x100);    // b.ne +0x100
  EXPECT_EQ(arm64_jump(0x54ffffe0), kStart - 4);        // b.eq -4
  EXPECT_EQ(arm64_jump(0xb4000803), kStart + 0x100);    // cbz x3, +0x100
  EXPECT_EQ(arm64_jump(0x35ffffe0), kStart - 4);        // cbnz w0, -4
  EXPECT_EQ(arm64_jump(0x36280801), kStart + 0x100);    // tbz w1, #5, +0x100
  EXPECT_EQ(arm64_jump(0xb707ffe0), kStart - 4);        // tbnz x0, #32, -4
  EXPECT_EQ(arm64_jump(0x94000040), 0u);                // bl: a call
  EXPECT_EQ(arm64_jump(0xd65f03c0), 0u);                // ret
  EXPECT_EQ(arm64_jump(0xd503201f), 0u);                // nop
  EXPECT_EQ(arm64_jump(0xf9400000), 0u);                // ldr x0, [x0]
  const std::vector<std::uint32_t> code = {0xd503201f, 0x14000001};
  EXPECT_EQ(branch_target(sampan_aarch64, std::as_bytes(std::span(code)), 4, kStart), kStart + 8);
  EXPECT_EQ(branch_target(sampan_aarch64, std::as_bytes(std::span(code)), 2, kStart), 0u);   // none starts there
}

TEST(Branches, OfX86) {
  const std::uint8_t code[] = {0xe9, 0xfb, 0, 0, 0, 0x0f, 0x84, 0xf5, 0xff, 0xff, 0xff, 0xe8, 0, 0, 0, 0, 0xe9, 0};
  const Bytes bytes = std::as_bytes(std::span(code));
  EXPECT_EQ(branch_target(sampan_x86_64, bytes, 0, kStart), kStart + 0x100);
  EXPECT_EQ(branch_target(sampan_x86_64, bytes, 5, kStart), kStart);
  EXPECT_EQ(branch_target(sampan_x86_64, bytes, 11, kStart), 0u);
  EXPECT_EQ(branch_target(sampan_x86_64, bytes, 16, kStart), 0u);   // cut off
}

}  // namespace
}  // namespace sampan

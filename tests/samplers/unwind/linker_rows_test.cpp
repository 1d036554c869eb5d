// What an arm64 program holds that nothing in it describes.
#include <gtest/gtest.h>

#include "samplers/symbols/symbol_table.hpp"
#include "samplers/unwind/unwind_table.hpp"
#include "tests/samplers/elf/tiny_elf.hpp"

namespace sampan {
namespace {

constexpr std::uint32_t kNop = 0xd503201f, kCall = 0x94000010, kReturn = 0xd65f03c0;

// As glibc before 2.29 has it, Node.js' own builds for one: no rows at all.
TEST(LinkerRows, WhereAProgramBeginsIsTheRoot) {
  const auto file = tiny_arm64({kNop, kNop, kCall, kCall, kNop, kReturn}, {});
  ASSERT_TRUE(file);
  const UnwindTable table = build_unwind_table(*file);
  const auto kind = [&](std::uint64_t at) {
    const sampan_row* row = find_row(table.rows, kTinyAddress + at - table.base);
    return row ? int{row->kind} : int{SAMPAN_ROW_NONE};
  };
  EXPECT_EQ(kind(0), SAMPAN_ROW_ROOT);
  EXPECT_EQ(kind(11), SAMPAN_ROW_ROOT);    // the return address into it, less one
  EXPECT_EQ(kind(15), SAMPAN_ROW_ROOT);
  EXPECT_EQ(kind(16), SAMPAN_ROW_NONE);    // other code
}

TEST(LinkerRows, ABeginningWithoutThoseCallsIsNotGuessed) {
  const auto file = tiny_arm64({kNop, kCall, kNop, kReturn}, {});
  ASSERT_TRUE(file);
  EXPECT_TRUE(build_unwind_table(*file).rows.empty());
}

TEST(SymbolTable, MappingSymbolsAreNoNames) {
  const auto file = tiny_arm64({kNop, kNop, kReturn, kNop}, {{"$x", STT_NOTYPE, 0, 0}, {"_start", STT_NOTYPE, 0, 0}, {"$d.1", STT_NOTYPE, 8, 0}});
  ASSERT_TRUE(file);
  const SymbolTable table({file});
  ASSERT_EQ(table.size(), 1u);
  EXPECT_STREQ(table.find(kTinyAddress + 12)->name, "_start");
}

}  // namespace
}  // namespace sampan

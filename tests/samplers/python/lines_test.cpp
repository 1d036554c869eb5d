#include "samplers/python/lines.hpp"

#include <gtest/gtest.h>

#include <random>

namespace sampan::python {
namespace {

template <typename... T>
std::vector<std::byte> table(T... values) {
  return {static_cast<std::byte>(values)...};
}

std::uint32_t line_at(const std::vector<LineStart>& lines, std::int64_t offset) { return lines[find_line(lines, offset)].line; }

// Python 3.8: `def f(x):\n    a = 1\n    b = 2\n\n    return a` gives 0001 0401 0402.
TEST(PythonLines, LnotabCountsBytesAndLines) {
  const auto lines = decode_lines(SAMPAN_PY_LNOTAB, table(0, 1, 4, 1, 4, 2), 10);
  EXPECT_EQ(line_at(lines, -1), 11u);   // not started: the first row
  EXPECT_EQ(line_at(lines, 0), 11u);
  EXPECT_EQ(line_at(lines, 3), 11u);
  EXPECT_EQ(line_at(lines, 4), 12u);
  EXPECT_EQ(line_at(lines, 8), 14u);
  EXPECT_EQ(line_at(lines, 5000), 14u);
}

TEST(PythonLines, LnotabIsSignedOnlyFrom36On) {
  EXPECT_EQ(line_at(decode_lines(SAMPAN_PY_LNOTAB, table(6, 0xff), 10), 6), 9u);
  EXPECT_EQ(line_at(decode_lines(SAMPAN_PY_LNOTAB_UNSIGNED, table(6, 0xff), 10), 6), 265u);
}

// PEP 626: an entry covers its bytes half-open; -128 has no line but its bytes count.
TEST(PythonLines, LinetableIsHalfOpenAndSkipsBytesWithoutLine) {
  const auto lines = decode_lines(SAMPAN_PY_LINETABLE, table(4, 1, 2, 0x80, 6, 2), 10);
  EXPECT_EQ(line_at(lines, 3), 11u);
  EXPECT_EQ(line_at(lines, 4), 0u);
  EXPECT_EQ(line_at(lines, 5), 0u);
  EXPECT_EQ(line_at(lines, 6), 13u);
  EXPECT_EQ(line_at(lines, 11), 13u);
}

// PEP 657: no location over the prologue, then short, one-line, no-column and long entries.
TEST(PythonLines, LocationsOfEveryForm) {
  const auto lines = decode_lines(SAMPAN_PY_LOCATIONS,
                                  table(0x80 | 15 << 3 | 0,                  // one unit without a place
                                        0x80 | 10 << 3 | 1, 0, 5,            // two units, the same line
                                        0x80 | 12 << 3 | 0, 0, 5,            // one unit, two lines on
                                        0x80 | 3 << 3 | 0, 0x12,             // one unit, short form
                                        0x80 | 13 << 3 | 0, 3,               // one unit, one line back, no column
                                        0x80 | 14 << 3 | 7, 64 | 8, 3, 0, 1, 1),   // eight units, long form: 100 lines on
                                  20);
  EXPECT_EQ(line_at(lines, 0), 20u);    // the prologue belongs to where the function begins
  EXPECT_EQ(line_at(lines, 2), 20u);
  EXPECT_EQ(line_at(lines, 5), 20u);
  EXPECT_EQ(line_at(lines, 6), 22u);
  EXPECT_EQ(line_at(lines, 8), 22u);
  EXPECT_EQ(line_at(lines, 10), 21u);
  EXPECT_EQ(line_at(lines, 12), 121u);
  EXPECT_EQ(line_at(lines, 27), 121u);
}

TEST(PythonLines, AnyBytesDecodeToSortedRows) {
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    std::vector<std::byte> bytes(random() % 200);
    for (auto& byte : bytes) byte = static_cast<std::byte>(random());
    for (const auto kind : {SAMPAN_PY_LNOTAB_UNSIGNED, SAMPAN_PY_LNOTAB, SAMPAN_PY_LINETABLE, SAMPAN_PY_LOCATIONS}) {
      const auto lines = decode_lines(kind, bytes, 1);
      for (std::size_t i = 1; i < lines.size(); ++i) ASSERT_LT(lines[i - 1].offset, lines[i].offset);
      ASSERT_LT(find_line(lines, 77), std::max<std::size_t>(lines.size(), 1));
    }
  }
}

}  // namespace
}  // namespace sampan::python

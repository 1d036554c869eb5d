#include "samplers/node/positions.hpp"

#include <gtest/gtest.h>

#include <array>

#include "tests/samplers/node/fake_v8.hpp"

namespace sampan::node {
namespace {

Bytes bytes(const std::vector<std::uint8_t>& content) { return std::as_bytes(std::span(content)); }

TEST(Positions, OfTheOldEncoding) {
  const auto table = decode_positions(bytes(position_table({{0, 10, -1}, {7, 300, 2}, {900, 5, -1}})), false);
  ASSERT_EQ(table.size(), 3u);
  EXPECT_FALSE(position_at(table, -1));
  EXPECT_EQ(position_at(table, 6)->offset(), 10);
  EXPECT_EQ(position_at(table, 6)->inlined(), -1);
  EXPECT_EQ(position_at(table, 899)->offset(), 300);
  EXPECT_EQ(position_at(table, 899)->inlined(), 2);
  EXPECT_EQ(position_at(table, 5000)->offset(), 5);
}

TEST(Positions, AnExpressionStepsLikeAStatement) {   // -v-1: an expression's position
  std::vector<std::uint8_t> raw;
  zigzag(raw, -2), zigzag(raw, 22);
  const auto table = decode_positions(bytes(raw), false);
  ASSERT_EQ(table.size(), 1u);
  EXPECT_EQ(table[0].code, 0);
  EXPECT_EQ(table[0].position.offset(), 10);
}

TEST(Positions, OfTheShiftedEncoding) {   // V8 14.1: two bits of flags below the code offset
  std::vector<std::uint8_t> raw;
  vlq(raw, 8 << 2 | 1), zigzag(raw, 22), vlq(raw, 3 << 2), zigzag(raw, -2);
  const auto table = decode_positions(bytes(raw), true);
  ASSERT_EQ(table.size(), 2u);
  EXPECT_EQ(table[0].code, 7);
  EXPECT_EQ(table[1].code, 10);
  EXPECT_EQ(table[1].position.offset(), 9);
}

TEST(Positions, WhatIsCutShortEndsTheTable) {
  auto raw = position_table({{0, 10, -1}, {7, 300, 2}});
  raw.pop_back();
  EXPECT_EQ(decode_positions(bytes(raw), false).size(), 1u);
  EXPECT_TRUE(decode_positions(bytes(std::vector<std::uint8_t>(40, 0xff)), false).empty());
}

// Found by node_tables_fuzz: steps as wide as numbers go neither overflow nor go on.
TEST(Positions, StepsOfAnyWidthEndTheTable) {
  const std::int64_t most = INT64_MAX, least = INT64_MIN;
  for (const std::int64_t step : {most, least, std::int64_t{INT32_MAX} + 1, std::int64_t{INT32_MIN} - 1}) {
    std::vector<std::uint8_t> raw;
    zigzag(raw, 5), zigzag(raw, most), zigzag(raw, step), zigzag(raw, most);
    EXPECT_EQ(decode_positions(bytes(raw), false).size(), 1u);
  }
  EXPECT_EQ(node::decode_positions(bytes({10, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 4, 2}), true).size(), 2u);
}

TEST(Baseline, CountsBytecodesAlongTheTable) {
  const BytecodeSizes& sizes = find_row(12, 4)->bytecodes;
  // Wide (0) and one of two operands, then ones of 1 byte: LdaZero is 12 in this version.
  const std::vector<std::uint8_t> code = {12, 0, 17, 0, 0, 0, 0, 0, 0, 12, 12};
  const std::size_t wide = 1 + static_cast<std::size_t>(sizes.wide[17] - '0');
  std::vector<std::uint8_t> table;
  for (const std::uint64_t bytes_of_code : {30u, 5u, 200u, 7u}) vlq(table, bytes_of_code);
  const auto at = [&](std::uint32_t pc) { return baseline_bytecode(bytes(table), bytes(code), sizes, pc); };
  EXPECT_EQ(at(1), -1);          // the prologue
  EXPECT_EQ(at(30), -1);
  EXPECT_EQ(at(31), 0);
  EXPECT_EQ(at(35), 0);          // a call there returns to its end
  EXPECT_EQ(at(36), 1);
  EXPECT_EQ(at(235), 1);
  EXPECT_EQ(at(236), static_cast<std::int32_t>(1 + wide));
  EXPECT_FALSE(at(1000));
  EXPECT_FALSE(baseline_bytecode({}, bytes(code), sizes, 5));
}

}  // namespace
}  // namespace sampan::node

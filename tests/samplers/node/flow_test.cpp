#include "samplers/node/flow.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <string_view>

namespace sampan::node {
namespace {

constexpr std::uint64_t kStart = 0x7f6fe67c8bc0;

struct Piece {
  std::uint32_t at;
  std::string_view hex;
};

// TurboFan's code for node's processImmediate with setImmediate and a busy loop inlined, as V8 12.4 (Node 22.23.3) made it, in
// the pieces that these tests walk over; what lies between them is int3.
constexpr Piece kProcessImmediate[] = {
    {0x3f9,
     "49bb69ab62cd2d2a00004d395f270f853b080000c5f157c94533f6e92a000000660f1f840000000000660f1f840000000000660f1f84000000000066"
     "0f1f8400000000000f1f00458bf34181fee09304000f8332000000458d5e01c461fb2cc14983f8010f8049070000458bc04533c6c4c1032ad0c5eb51"
     "d2c5eb58c941807db10074c3e9a905000049b8a9ab62cd2d2a00004d8b58274c897dd04d8bb5f80100004c895dc04d3bde0f840a06000041f6c3010f"
     "8592070000"},
    {0x511,
     "4d8b45484d8d48604d394d500f86790500004d8d48604d894d484983c0014d8b8db80200004d8948074d89480f4d8b8df00100004d8948474d89484f"
     "4d8948574d8b9d000200004d8958174d89581f48b869ab62cd2d2a0000498940274d89482f498b851002000049894037"},
    {0x6b3,
     "498b561748b9a92b5ceb151c00004889511748c7c60000fcff4823f1f606040f85a90400004d898d10010000"},
    {0xa2b,
     "c5fb114db04c895db84c897dd048bbd0de89010000000033c048be3112942ae9260000e8ad34ea1fbfa0a8ea204c8b7dd0c5fb1045c849b9d91c5ceb"
     "151c000049bc911e5ceb151c000048b9911d5ceb151c0000ba2059eb2048bb211c5ceb151c0000c5fb104db0448b5db8e9a4f9ffffba600000004c8b"
     "c2e81765e01f4c8d40ffe971faffff"},
    {0xb7f,
     "cccc48c7c60000fcff4823f2f606020f8444fbffff488d79175357488bdf488bf9e81b6fdf1f5f5be92cfbffff4883ec08c5fb110c24e8064cea1f44"
     "8b04244883c408e99cf8ffff48c7c30000fcff4923dff603020f8414f7ffff4b8d54de0f5357498bfe488bdae8d46edf1f5f5be9fbf6ffff90"},
};
constexpr std::uint32_t kProcessImmediateSize = 3212;

// What of its table of positions lies near them: code offset, source offset.
std::vector<PositionEntry> table_of(std::initializer_list<std::pair<std::int32_t, std::int32_t>> entries) {
  std::vector<PositionEntry> table;
  for (const auto& [code, source] : entries) table.push_back({code, {static_cast<std::uint64_t>(source + 1) << 1}});
  return table;
}
const std::vector<PositionEntry> kPositions = table_of({{0, 13265}, {0x3f9, 14856}, {0x40d, 66}, {0x450, 72}, {0x454, 93}, {0x469, 86},
                                                        {0x476, 48}, {0x482, 155}, {0x4c3, 160}, {0x511, 18728}, {0x55c, 18755}, {0x560, 18785},
                                                        {0x56e, 18812}, {0x572, 18840}, {0x57d, 18866}, {0x6b3, 15071}, {0x6b7, 15047},
                                                        {0x6ef, 17465}, {0xa2b, 48}, {0xab2, 155}, {0xb7f, 155}, {0xb80, 19063}});
constexpr std::int32_t kToil = 48, kXor = 93, kImmediate = 18728, kQueue = 15047;

std::vector<std::byte> bytes_of_hex(std::string_view hex) {
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) bytes.push_back(static_cast<std::byte>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  return bytes;
}

class FlowTest : public testing::Test {
 protected:
  FakeMemory memory;
  std::vector<std::byte> code = std::vector<std::byte>(kProcessImmediateSize, std::byte{0xcc});

  FlowTest() {
    for (const Piece& piece : kProcessImmediate) {
      const auto bytes = bytes_of_hex(piece.hex);
      std::copy(bytes.begin(), bytes.end(), code.begin() + piece.at);
    }
  }
  // The source offset that is told for a place; -1: none.
  std::int32_t told(std::uint32_t offset, bool exact, const std::vector<PositionEntry>& table = kPositions) {
    memory.put(kStart, code);
    CodeFlow flow(memory, sampan_x86_64, kStart, code.size());
    const auto at = told_at(flow, table, offset, exact);
    return at ? position_at(table, static_cast<std::int32_t>(*at))->offset() : -1;
  }
};

// By the table alone, these are all the position before them, which belongs to another inlined function.
TEST_F(FlowTest, OutOfLineCodeBelongsToWhatItReturnsTo) {
  EXPECT_EQ(position_at(kPositions, 0xbb9)->offset(), 19063);
  EXPECT_EQ(told(0xbba, false), kXor);       // behind its call of DoubleToI
  for (const std::uint32_t offset : {0xbacu, 0xbb0u, 0xbb5u, 0xbbau, 0xbbeu, 0xbc2u}) EXPECT_EQ(told(offset, true), kXor) << std::hex << offset;
  EXPECT_EQ(told(0xba5, false), kQueue);     // a write barrier, with a way back before its call
  EXPECT_EQ(told(0xb81, true), kQueue);
}

TEST_F(FlowTest, ARareBlockWithoutAPositionBelongsToWhatItReturnsTo) {
  EXPECT_EQ(position_at(kPositions, 0xaa8)->offset(), kToil);
  EXPECT_EQ(told(0xaa9, false), kImmediate);   // behind its call of AllocateInYoungGeneration
  EXPECT_EQ(told(0xa9c, true), kImmediate);
  EXPECT_EQ(told(0xa53, false), kToil);        // one that has a position keeps it
  EXPECT_EQ(told(0xa30, true), kToil);
}

TEST_F(FlowTest, WhatThePositionLeadsToKeepsIt) {
  EXPECT_EQ(told(0x463, true), kXor);
  EXPECT_EQ(told(0x459, true), kXor);
  EXPECT_EQ(told(0x47b, true), kToil);
  EXPECT_EQ(told(0x443, true), 66);            // over a jump, past the loop's padding
  EXPECT_EQ(told(0x440, true), 72);            // behind the padding, where only the loop's jump back leads: what it runs on to
  EXPECT_EQ(told(0x523, true), kImmediate);
}

TEST_F(FlowTest, WhatEndsOrCannotBeReadIsNotTold) {
  EXPECT_EQ(told(0xb80, true), 19063);         // where an entry begins
  EXPECT_EQ(told(0xc80, true), -1);            // int3
  const auto none = bytes_of_hex("c400");      // no instruction
  std::copy(none.begin(), none.end(), code.begin() + 0xbba);
  EXPECT_EQ(told(0xbba, false), -1);
  const auto ring = bytes_of_hex("ebfe");      // a jump to itself
  std::copy(ring.begin(), ring.end(), code.begin() + 0xbac);
  EXPECT_EQ(told(0xbac, true), -1);
  const auto far = bytes_of_hex("e9ffffff7f");
  std::copy(far.begin(), far.end(), code.begin() + 0xbac);
  EXPECT_EQ(told(0xbac, true), -1);
  EXPECT_EQ(told(0xbba, false, {}), -1);
}

// The same function on arm64: two write barriers at the end of the code.
TEST_F(FlowTest, OutOfLineCodeOfArm64) {
  const std::vector<std::pair<std::size_t, std::vector<std::uint32_t>>> pieces = {
      {0x238, {0xf8386ae8, 0x36000088, 0x926eb6f0, 0xf9400210, 0x37103db0, 0x7100029f}},
      {0x54c, {0x5800272c, 0xf801718a, 0x926eb590, 0xf9400210, 0x371023d0, 0xf9004b45, 0xd3607c84, 0xb4000864}},
      {0x9cc, {0xd4200000, 0xd4200000, 0x926eb550, 0xf9400210, 0x360fdc30, 0xa9bf17e1, 0x91005d85, 0xaa0c03e1, 0x58000730, 0xd63f0200,
        0xa8c117e1, 0x17fffeda, 0x926eb510, 0xf9400210, 0x360fc250, 0xa9bf17e1, 0x8b1802e5, 0xaa1703e1, 0x580005f0, 0xd63f0200,
        0xa8c117e1, 0x17fffe0b}}};
  for (const auto& [at, words] : pieces) std::memcpy(code.data() + at, words.data(), words.size() * 4);
  memory.put(kStart, code);
  CodeFlow flow(memory, sampan_aarch64, kStart, code.size());
  const auto table = table_of({{0x230, 14698}, {0x238, 18039}, {0x24c, 18064}, {0x54c, 15047}, {0x568, 17487}, {0x9cc, 17487}, {0x9d0, 169}});
  const auto position = [&](std::uint32_t offset, bool exact) {
    const auto at = told_at(flow, table, offset, exact);
    return at ? position_at(table, static_cast<std::int32_t>(*at))->offset() : -1;
  };
  EXPECT_EQ(position(0x9f4, false), 15047);
  EXPECT_EQ(position(0x9d4, true), 15047);
  EXPECT_EQ(position(0xa1c, false), 18039);    // not that of what begins where it goes back to
  EXPECT_EQ(position(0xa20, true), 18039);
  EXPECT_EQ(position(0x560, true), 15047);
  EXPECT_EQ(position(0xa24, true), -1);
}

}  // namespace
}  // namespace sampan::node

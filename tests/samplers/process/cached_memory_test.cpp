#include "samplers/process/cached_memory.hpp"

#include <gtest/gtest.h>

namespace sampan {
namespace {

TEST(CachedMemory, ReadsABlockOnceUntilTheNextStart) {
  FakeMemory fake;
  fake.put(4096, std::vector<std::byte>(512, std::byte{5}));
  CachedMemory memory(fake);
  EXPECT_EQ(memory.read_as<std::uint8_t>(4096), 5u);
  fake.put(4096, std::vector<std::byte>(512, std::byte{6}));
  EXPECT_EQ(memory.read_as<std::uint8_t>(4100), 5u);       // the same block
  EXPECT_EQ(memory.read_as<std::uint8_t>(4096 + 256), 6u);
  memory.start();
  EXPECT_EQ(memory.read_as<std::uint8_t>(4100), 6u);
}

TEST(CachedMemory, WhatLiesAcrossOrAtAnEdgeIsReadAsItIs) {
  FakeMemory fake;
  fake.put(4096, std::vector<std::byte>(300, std::byte{5}));
  CachedMemory memory(fake);
  std::vector<std::byte> across(40);
  EXPECT_TRUE(memory.read(4096 + 240, across));
  EXPECT_EQ(across, std::vector<std::byte>(40, std::byte{5}));
  EXPECT_EQ(memory.read_as<std::uint32_t>(4096 + 290), 0x05050505u);   // its block is not there whole
  EXPECT_EQ(memory.read_as<std::uint32_t>(4096 + 298), 0u);
  EXPECT_TRUE(memory.read(1, {}));                         // nothing is everywhere
  std::uint8_t one = 0, two = 0;
  const Read reads[] = {{4096, bytes_of(one)}, {9000, bytes_of(two)}, {4096, bytes_of(two)}};
  EXPECT_EQ(memory.read_batch(reads), 1u);
}

}  // namespace
}  // namespace sampan

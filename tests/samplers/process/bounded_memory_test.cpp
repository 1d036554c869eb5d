#include "samplers/process/bounded_memory.hpp"

#include <gtest/gtest.h>

namespace sampan {
namespace {

TEST(BoundedMemory, FailsPastItsBoundsUntilTheNextStart) {
  FakeMemory fake;
  fake.put_value<std::uint64_t>(4096, 7);
  BoundedMemory memory(fake, 3, 16);
  EXPECT_EQ(memory.read_as<std::uint64_t>(4096), 7u);
  EXPECT_EQ(memory.read_as<std::uint64_t>(4096), 7u);
  EXPECT_FALSE(memory.spent());
  EXPECT_EQ(memory.read_as<std::uint8_t>(4096), 0u);     // a byte too many
  EXPECT_TRUE(memory.spent());
  memory.start();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(memory.read_as<std::uint8_t>(4096), 7u);
  EXPECT_EQ(memory.read_as<std::uint8_t>(4096), 0u);     // a read too many
}

TEST(BoundedMemory, WhatIsNotThereCountsToo) {
  FakeMemory fake;
  BoundedMemory memory(fake, 1, 1 << 20);
  EXPECT_EQ(memory.read_as<std::uint8_t>(1), 0u);
  EXPECT_FALSE(memory.spent());
  EXPECT_EQ(memory.read_as<std::uint8_t>(1), 0u);
  EXPECT_TRUE(memory.spent());
}

}  // namespace
}  // namespace sampan

#include "samplers/process/pthread.hpp"

#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>

#include <array>
#include <thread>

namespace sampan {
namespace {

using Descriptor = std::array<pid_t, 512>;

std::uint64_t put(FakeMemory& memory, std::uint64_t address, std::size_t offset, pid_t id, std::size_t words = 512) {
  Descriptor words_of{};
  words_of[offset / sizeof(pid_t)] = id;
  memory.put(address, std::as_bytes(std::span(words_of).first(words)));
  return address;
}

TEST(PthreadIds, LearnsFromThisProcessesOwnThreads) {
  LiveMemory memory(getpid());
  const auto first = static_cast<std::uint64_t>(pthread_self());
  PthreadIds ids;
  EXPECT_FALSE(ids.known());
  ASSERT_TRUE(ids.learn(memory, {&first, 1}, {gettid()}));
  EXPECT_EQ(ids.tid(memory, first), gettid());
  std::thread([&] { EXPECT_EQ(ids.tid(memory, static_cast<std::uint64_t>(pthread_self())), gettid()); }).join();
}

TEST(PthreadIds, TakesThePlaceThatMostDescriptorsAgreeOn) {
  FakeMemory memory;
  // Two agree on one place; a word elsewhere of one of them equals an id by chance.
  const std::uint64_t descriptors[] = {put(memory, 0x10000, 400, 21), put(memory, 0x20000, 400, 22), put(memory, 0x30000, 600, 23)};
  PthreadIds ids;
  ASSERT_TRUE(ids.learn(memory, descriptors, {21, 22, 23}));
  EXPECT_EQ(ids.tid(memory, 0x10000), 21);
  EXPECT_EQ(ids.tid(memory, 0x20000), 22);
  EXPECT_EQ(ids.tid(memory, 0x30000), std::nullopt);
}

TEST(PthreadIds, PrefersAKnownPlaceAndReadsWhatIsThere) {
  FakeMemory memory;
  Descriptor both{};
  both[100 / 4] = both[208 / 4] = 7;
  memory.put(0x10000, std::as_bytes(std::span(both).first(64)));   // its mapping ends early
  PthreadIds ids;
  const std::uint64_t descriptor = 0x10000;
  ASSERT_TRUE(ids.learn(memory, {&descriptor, 1}, {7}));
  memory.put_value(0x50000 + 208, pid_t{8});
  EXPECT_EQ(ids.tid(memory, 0x50000), 8);
}

TEST(PthreadIds, KnowsNothingWhereNothingFits) {
  FakeMemory memory;
  const std::uint64_t descriptors[] = {0, put(memory, 0x10000, 720, 5), 0x20000};
  PthreadIds ids;
  EXPECT_FALSE(ids.learn(memory, descriptors, {6}));
  EXPECT_FALSE(ids.learn(memory, descriptors, {}));
  EXPECT_FALSE(ids.learn(memory, {}, {5}));
  EXPECT_EQ(ids.tid(memory, 0x10000), std::nullopt);
  EXPECT_TRUE(ids.learn(memory, descriptors, {5}));
}

}  // namespace
}  // namespace sampan

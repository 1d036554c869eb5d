#include "samplers/java/code_survey.hpp"

#include <gtest/gtest.h>

#include "samplers/java/class_unloads.hpp"
#include "tests/samplers/java/fake_vm.hpp"

namespace sampan::java {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

class CodeSurveyTest : public testing::Test {
 protected:
  FakeVm fake;
  CodeHeap heap{FakeVm::kHeapLow, FakeVm::kHeapLow + FakeVm::kHeapBytes, FakeVm::kSegmap, FakeVm::kHeapLow + FakeVm::kHeapBytes, FakeVm::kShift};
  CodeSurvey survey{fake.memory, fake.layout};
  std::uint64_t now = now_ns();

  std::uint64_t add(std::size_t segment, std::uint32_t id) {
    const std::uint64_t start = fake.add_block(segment, 4);
    fake.put_blob(start, "nmethod", 400, 6, id);
    return start;
  }
  void look(std::uint64_t at) { survey.look({&heap, 1}, at); }
};

TEST_F(CodeSurveyTest, WhatWasSeenBeforeWasThere) {
  const std::uint64_t first = add(0, 11), second = add(4, 12);
  look(now);
  const std::uint64_t later = now_ns() + 1;
  EXPECT_TRUE(survey.was_there(first, 11, later));
  EXPECT_TRUE(survey.was_there(second, 12, later));
  EXPECT_FALSE(survey.was_there(first, 11, now - kSecond));   // before anything was seen
}

TEST_F(CodeSurveyTest, OtherCodeInAUsedPlaceMayNotHaveBeenThere) {
  const std::uint64_t place = add(0, 11);
  look(now);
  add(0, 13);
  const std::uint64_t later = now_ns() + 1;
  EXPECT_FALSE(survey.was_there(place, 13, later));
  look(now + 2 * kSecond);                                    // it is known from the next survey on
  EXPECT_TRUE(survey.was_there(place, 13, now_ns() + 1));
  EXPECT_FALSE(survey.was_there(place, 13, later - 2));
}

class CodeSurveyOfHeaders : public CodeSurveyTest, public testing::WithParamInterface<unsigned> {};
INSTANTIATE_TEST_SUITE_P(Bytes, CodeSurveyOfHeaders, testing::Values(8u, 16u));

TEST_P(CodeSurveyOfHeaders, AFreePlaceIsOneWhoseBlockWasNotInUse) {
  if (GetParam() == 8) fake.shorten_block_headers();
  const auto block = [this](std::uint64_t start) { return start - fake.layout.block_size; };
  const std::uint64_t place = add(0, 11);
  add(4, 12);
  fake.put_block(block(place), 4, false);                               // freed: its segments stay marked
  look(now);
  const std::uint64_t later = now_ns() + 1, end = place + 400;
  EXPECT_TRUE(survey.was_free(place, end, later).has_value());
  EXPECT_TRUE(survey.was_free(place + 128, end, later).has_value());      // a part of it
  EXPECT_FALSE(survey.was_free(place, place + 4 * 128, later).has_value());   // reaches into what is in use
  EXPECT_FALSE(survey.was_free(place, end, now - kSecond).has_value());
  EXPECT_FALSE(survey.was_free(place + 4 * 128, place + 5 * 128, later).has_value());
  look(now + 2 * kSecond);
  fake.put_block(block(place), 4, true);
  look(now + 4 * kSecond);
  EXPECT_FALSE(survey.was_free(place, end, now_ns() + 1).has_value());
}

TEST_F(CodeSurveyTest, CodeInAPlaceThatWasNeverUsedIsTheFirst) {
  add(0, 11);
  look(now);
  const std::uint64_t fresh = add(4, 14);
  EXPECT_TRUE(survey.was_there(fresh, 14, now + 1));
  EXPECT_FALSE(survey.was_there(fresh, 14, now - 1));
  EXPECT_FALSE(survey.was_there(FakeVm::kHeapLow + FakeVm::kHeapBytes, 14, now + 1));   // in no heap
}

TEST_F(CodeSurveyTest, WhatIsPutAtTheEndIsKnownFromTheNextLookOn) {
  add(0, 11);
  look(now);                                                  // a survey; the next one is later than all that follows
  const std::uint64_t fresh = add(4, 14);
  look(now + kSecond / 50);
  EXPECT_TRUE(survey.was_there(fresh, 14, now + kSecond));
  EXPECT_FALSE(survey.was_there(fresh, 15, now + kSecond));
  const std::uint64_t half = add(8, 0);                       // its compile id is written later
  look(now + kSecond / 25);
  fake.put_blob(half, "nmethod", 400, 6, 16);
  look(now + kSecond * 3 / 50);
  EXPECT_TRUE(survey.was_there(half, 16, now + kSecond));
  EXPECT_TRUE(survey.was_there(fresh, 14, now + kSecond));
}

TEST_F(CodeSurveyTest, APlaceThatWasNeverUsedALittleEarlierWasFree) {
  add(0, 11);
  look(now);
  const std::uint64_t fresh = add(4, 14), end = fresh + 400;
  look(now + kSecond / 50);
  EXPECT_EQ(survey.was_free(fresh, end, now + kSecond / 25), now);
  EXPECT_FALSE(survey.was_free(fresh, end, now - 1).has_value());
  EXPECT_FALSE(survey.was_free(fresh, end, now + kSecond).has_value());   // long enough for one to have come and gone
}

TEST_F(CodeSurveyTest, ASegmentMapThatCannotBeReadProvesNothing) {
  heap.segmap = 0x1234'0000;
  look(now);
  EXPECT_FALSE(survey.was_there(FakeVm::kHeapLow + 16, 1, now + 1));
  heap.shift = 0;
  heap.most = ~std::uint64_t{0};
  look(now + kSecond);                                                // bounded all the same
}

TEST(ObservationHistory, ThereIsOneBeforeAnyTimeAtMostThreeTimesAsLongAgo) {
  ObservationHistory<std::uint64_t> looks;
  EXPECT_EQ(looks.at(1), nullptr);
  constexpr std::uint64_t kStep = 20'000'000;
  for (std::uint64_t i = 1; i <= 400; ++i) looks.add(i * kStep, i);
  for (std::uint64_t ago = 0; ago < 100; ++ago) {
    const std::uint64_t* seen = looks.at((400 - ago) * kStep);
    ASSERT_NE(seen, nullptr) << ago;
    EXPECT_LE(*seen, 400 - ago);
    EXPECT_GE(*seen, 400 - (3 * ago + 1)) << ago;
  }
}

class ClassUnloadsTest : public testing::Test {
 protected:
  static constexpr std::uint64_t kPointer = 0x500, kData = 0x10000;
  FakeMemory memory;
  Layout layout;

  ClassUnloadsTest() {
    layout.perf_start = kPointer;
    memory.put_value<std::uint64_t>(kPointer, kData);
  }

  // A prologue and two counters; `length` of the first entry.
  void put(std::uint64_t count, std::uint32_t length = 64) {
    std::vector<std::byte> bytes(32 + 64 + 64);
    const auto put32 = [&](std::size_t at, std::uint32_t value) { std::memcpy(&bytes[at], &value, 4); };
    put32(0, 0xc0c0feca), put32(8, static_cast<std::uint32_t>(bytes.size())), put32(24, 32), put32(28, 2);
    for (std::size_t i = 0; i < 2; ++i) {
      const std::size_t at = 32 + 64 * i;
      put32(at, i == 0 ? length : 64), put32(at + 4, 20), put32(at + 16, 56);
      bytes[at + 12] = static_cast<std::byte>('J');
      const char* name = i == 0 ? "java.cls.loadedClasses" : "java.cls.unloadedClasses";
      std::memcpy(&bytes[at + 20], name, std::strlen(name));
      std::memcpy(&bytes[at + 56], &count, 8);
    }
    memory.put(kData, bytes);
  }
};

TEST_F(ClassUnloadsTest, CountsFromALookOn) {
  put(5);
  ClassUnloads unloads(memory, layout);
  unloads.refresh();
  EXPECT_EQ(unloads.since(now_ns()), Unloaded::Unknown);   // before any look
  unloads.look(1000);
  EXPECT_EQ(unloads.since(1000), Unloaded::None);
  EXPECT_EQ(unloads.since(999), Unloaded::Unknown);
  put(6);
  EXPECT_EQ(unloads.since(1000), Unloaded::Some);
  unloads.look(1000 + kSecond);
  EXPECT_EQ(unloads.since(1000 + kSecond), Unloaded::None);
  EXPECT_EQ(unloads.since(2000), Unloaded::Some);
}

TEST_F(ClassUnloadsTest, NonsenseIsUnknown) {
  for (const std::uint32_t length : {0u, 3u, 1'000'000u, 0xffffffffu}) {
    put(5, length);
    ClassUnloads unloads(memory, layout);
    unloads.refresh();
    unloads.look(1000);
    EXPECT_EQ(unloads.since(1000), Unloaded::Unknown);
  }
}

}  // namespace
}  // namespace sampan::java

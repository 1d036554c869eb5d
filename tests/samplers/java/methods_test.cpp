#include "samplers/java/methods.hpp"

#include <gtest/gtest.h>

#include "samplers/java/heap.hpp"
#include "samplers/java/unsigned5.hpp"
#include "tests/samplers/java/fake_vm.hpp"

namespace sampan::java {
namespace {

std::vector<std::byte> bytes(std::initializer_list<int> values) {
  std::vector<std::byte> out;
  for (int value : values) out.push_back(static_cast<std::byte>(value));
  return out;
}

TEST(Unsigned5, ReadsDigitsOfSixBits) {
  const auto stream = bytes({0, 191, 192, 0, 255, 255, 255, 255, 255, 7});
  Cursor cursor(stream);
  EXPECT_EQ(read_unsigned5(cursor, 0), 0u);
  EXPECT_EQ(read_unsigned5(cursor, 0), 191u);
  EXPECT_EQ(read_unsigned5(cursor, 0), 192u);
  EXPECT_EQ(read_unsigned5(cursor, 0), 255u * (1 + 64 + 4096 + 262144 + 16777216)) << "five bytes at most";
  EXPECT_EQ(read_unsigned5(cursor, 0), 7u);
  EXPECT_FALSE(cursor.bad());
  EXPECT_EQ(read_unsigned5(cursor, 0), 0u);
  EXPECT_TRUE(cursor.bad());
}

TEST(Unsigned5, LeavesZeroOutSinceJdk20) {
  const auto stream = bytes({1, 192, 1});
  Cursor cursor(stream);
  EXPECT_EQ(read_unsigned5(cursor, 1), 0u);
  EXPECT_EQ(read_unsigned5(cursor, 1), 191u);
}

TEST(Lines, DecodesPairsAndEscapes) {
  // (0, 10) by escape: +0, +10 → signed 20; then bci+2 line+1; end.
  const auto lines = decode_lines(bytes({0xff, 0, 20, (2 << 3) | 1, 0, 99}), 0);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].line, 10u);
  EXPECT_EQ(lines[1].bci, 2u);
  EXPECT_EQ(lines[1].line, 11u);
  MethodInfo info;
  info.lines = lines;
  EXPECT_EQ(info.line_of(0), 10u);
  EXPECT_EQ(info.line_of(1), 10u);
  EXPECT_EQ(info.line_of(500), 11u);
}

TEST(Lines, SortsTablesThatAreOutOfOrder) {
  // bci 4 line 9, then back to bci 1 (−3 → signed 5) line 12 (+3 → 6).
  const auto lines = decode_lines(bytes({(4 << 3) | 7, 0xff, 5, 6, 0}), 0);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].bci, 1u);
  EXPECT_EQ(lines[1].bci, 4u);
}

TEST(Lines, StopsAtNonsense) {
  EXPECT_TRUE(decode_lines(bytes({0xff}), 0).empty());
  EXPECT_TRUE(decode_lines({}, 0).empty());
  EXPECT_TRUE(decode_lines(bytes({0xff, 1, 0, 0}), 0).empty()) << "a negative bci";
}

TEST(ClassNames, LoseWhatDiffersFromRunToRun) {
  EXPECT_EQ(plain_class_name("Main$$Lambda+0x00007f0001000a00"), "Main$$Lambda");
  EXPECT_EQ(plain_class_name("Main$$Lambda$14/0x0000000800c03000"), "Main$$Lambda$14");
  EXPECT_EQ(plain_class_name("java/lang/Thread"), "java/lang/Thread");
  EXPECT_EQ(plain_class_name("a/0y"), "a/0y");
}

TEST(Methods, ReadsNameFileAndLines) {
  FakeVm fake;
  const std::uint64_t method = fake.add_method("com/example/Main", "run", "Main.java", {0xff, 0, 20, (3 << 3) | 2, 0});
  Profile profile;
  Methods methods(fake.memory, fake.layout, profile, true);
  const MethodInfo* info = methods.find(method);
  ASSERT_NE(info, nullptr);
  EXPECT_EQ(info->name, "com/example/Main.run");
  EXPECT_TRUE(info->consistent);
  const Frame& frame = profile.frame(methods.frame(method, 4, FrameKind::Java));
  EXPECT_EQ(frame.name, "com/example/Main.run");
  EXPECT_EQ(frame.file, "Main.java");
  EXPECT_EQ(frame.line, 12u);
  EXPECT_EQ(profile.frame(methods.frame(method, -1, FrameKind::Java)).line, 0u);
}

TEST(Methods, RandomMemoryIsNoMethod) {
  FakeVm fake;
  Profile profile;
  Methods methods(fake.memory, fake.layout, profile, true);
  EXPECT_EQ(methods.find(0), nullptr);
  EXPECT_EQ(methods.find(0x123457), nullptr);
  EXPECT_EQ(methods.find(0x12345678), nullptr);
  EXPECT_EQ(profile.frame(methods.frame(0x12345678, 0, FrameKind::Java)).name, "[unknown method]");
  const std::uint64_t method = fake.add_method("A", "name\nwith control", "", {});
  EXPECT_EQ(methods.find(method), nullptr);
}

TEST(Methods, WithoutLinesAFrameIsItsMethod) {
  FakeVm fake;
  const std::uint64_t method = fake.add_method("A", "b", "A.java", {0xff, 0, 20, 0});
  Profile profile;
  Methods methods(fake.memory, fake.layout, profile, false);
  const FrameId frame = methods.frame(method, 0, FrameKind::Java);
  EXPECT_EQ(profile.frame(frame).line, 0u);
  EXPECT_EQ(frame, methods.frame(method, 3, FrameKind::Java));
}

TEST(Fields, DecodesBothForms) {
  // Two fields, none injected; the second one has an initial value and a generic signature.
  const auto stream = decode_field_stream(bytes({2, 0, 5, 6, 12, 0, 0, 7, 8, 16, 0, 5, 9, 9}), 0);
  ASSERT_EQ(stream.size(), 2u);
  EXPECT_EQ(stream[1].name, 7u);
  EXPECT_EQ(stream[1].offset, 16u);
  EXPECT_TRUE(decode_field_stream(bytes({200, 0, 5}), 0).empty());
  const auto shorts = decode_field_shorts(bytes({0, 0, 5, 0, 6, 0, 0, 0, 12 << 2 | 1, 0, 0, 0}), 1);
  ASSERT_EQ(shorts.size(), 1u);
  EXPECT_EQ(shorts[0].offset, 12u);
}

}  // namespace
}  // namespace sampan::java

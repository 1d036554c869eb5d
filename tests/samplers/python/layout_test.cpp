#include "samplers/python/layout.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "samplers/python/codes.hpp"

namespace sampan::python {
namespace {

// The table that CPython 3.13.0 (x86_64) begins `_PyRuntime` with, word by word.
std::vector<std::uint64_t> table313() {
  std::vector<std::uint64_t> words(kDebugTableSize / 8);
  std::memcpy(words.data(), kDebugCookie.data(), 8);
  words[1] = 0x030d00f0;
  const std::pair<int, std::uint64_t> fields[] = {{5, 632},  {8, 7272}, {9, 7344}, {14, 7480}, {15, 16}, {17, 32}, {18, 24}, {21, 8},
                                                  {22, 16},  {23, 72},  {24, 152}, {25, 160},  {26, 232}, {28, 88}, {29, 8},  {30, 0},
                                                  {31, 56},  {32, 72},  {33, 70},  {35, 112},  {36, 120}, {37, 128}, {38, 136}, {39, 68},
                                                  {40, 52},  {43, 200}, {45, 8},   {47, 24},   {65, 16},  {66, 32}, {68, 32}, {69, 16}, {70, 40}};
  for (const auto& [index, value] : fields) words[static_cast<std::size_t>(index)] = value;
  return words;
}

TEST(PythonLayout, EveryRowIsFoundByItsVersion) {
  for (const auto minor : {6u, 7u, 8u, 9u, 10u, 11u, 12u}) {
    ASSERT_NE(known_offsets(version(3, minor)), nullptr);
    EXPECT_EQ(known_offsets(version(3, minor))->version, version(3, minor));
  }
  EXPECT_NE(known_offsets(version(2, 7)), nullptr);
  EXPECT_EQ(known_offsets(version(3, 5)), nullptr);
  EXPECT_EQ(known_offsets(version(3, 13)), nullptr);   // it brings its own
}

TEST(PythonLayout, TheTargetsOwnTableIsRead) {
  const auto words = table313();
  const auto offsets = debug_offsets(std::as_bytes(std::span(words)));
  ASSERT_TRUE(offsets.has_value()) << offsets.error().message;
  EXPECT_EQ(offsets->version, version(3, 13));
  EXPECT_EQ(offsets->runtime_interpreters_head, 632u);
  EXPECT_EQ(offsets->tstate_frame, 72u);
  EXPECT_EQ(offsets->code_bytecode, 200u);
  EXPECT_EQ(offsets->gil_locked, 16u);
  EXPECT_EQ(offsets->code_flags, 48u);
  EXPECT_FALSE(offsets->has_cframe);
}

TEST(PythonLayout, ATableThatCannotBeTrueIsRefused) {
  for (const std::size_t index : {36u, 37u, 38u, 45u, 66u, 69u, 22u, 25u}) {
    auto words = table313();
    words[index] += 8;
    EXPECT_FALSE(debug_offsets(std::as_bytes(std::span(words))).has_value()) << index;
  }
  for (const std::size_t index : {5u, 9u, 23u, 31u, 43u}) {
    auto words = table313();
    words[index] = ~std::uint64_t{0};
    EXPECT_FALSE(debug_offsets(std::as_bytes(std::span(words))).has_value()) << index;
  }
  auto words = table313();
  words[1] = 0x031000a0;   // 3.16
  const auto newer = debug_offsets(std::as_bytes(std::span(words)));
  ASSERT_FALSE(newer.has_value());
  EXPECT_EQ(newer.error().code, Exit::CannotSample);
  EXPECT_NE(newer.error().message.find("3.16"), std::string::npos);
  EXPECT_FALSE(debug_offsets({}).has_value());
}

TEST(PythonFiles, WhatIsShownNamesAModuleWhereverItIsInstalled) {
  EXPECT_EQ(short_file("/srv/venv/lib/python3.11/site-packages/django/http/request.py"), "django/http/request.py");
  EXPECT_EQ(short_file("/usr/lib/python3/dist-packages/yaml/__init__.py"), "yaml/__init__.py");
  EXPECT_EQ(short_file("/usr/lib/python3.11/json/decoder.py"), "json/decoder.py");
  EXPECT_EQ(short_file("/root/.pyenv/versions/2.7.18/lib/python2.7/threading.py"), "threading.py");
  EXPECT_EQ(short_file("/opt/a/lib/python3.8/x/lib/python3.8/y.py"), "y.py");
  // Elsewhere two files may bear one name: the path stays whole.
  EXPECT_EQ(short_file("/srv/app/views.py"), "/srv/app/views.py");
  EXPECT_EQ(short_file("/srv/lib/pythonic/views.py"), "/srv/lib/pythonic/views.py");
  EXPECT_EQ(short_file("./app.py"), "./app.py");
  EXPECT_EQ(short_file("<frozen importlib._bootstrap>"), "<frozen importlib._bootstrap>");
  EXPECT_EQ(short_file(""), "");
}

}  // namespace
}  // namespace sampan::python

#include "samplers/python/objects.hpp"

#include <gtest/gtest.h>

namespace sampan::python {
namespace {

constexpr std::uint64_t kAt = 0x1000;

// A str of CPython 3.8 as it lies in memory: header, state bits, then the units.
template <typename Unit>
std::optional<std::string> decode(std::uint32_t minor, std::uint32_t state, std::vector<Unit> units, std::uint64_t length) {
  const Offsets& o = *known_offsets(version(3, minor));
  std::vector<std::byte> object(o.unicode_compact_data + units.size() * sizeof(Unit) + 64);
  std::memcpy(object.data() + o.unicode_length, &length, 8);
  std::memcpy(object.data() + o.unicode_state, &state, 4);
  const bool ascii = state >> 6 & 1;
  std::memcpy(object.data() + (ascii ? o.unicode_ascii_data : o.unicode_compact_data), units.data(), units.size() * sizeof(Unit));
  FakeMemory memory;
  memory.put(kAt, object);
  return Objects(memory, o).string(kAt);
}

constexpr std::uint32_t state(std::uint32_t kind, bool ascii) { return 1 | kind << 2 | 1u << 5 | (ascii ? 1u << 6 : 0); }

TEST(PythonStrings, EveryKindBecomesUtf8) {
  for (const std::uint32_t minor : {6u, 8u, 11u, 12u}) {
    EXPECT_EQ(decode<std::uint8_t>(minor, state(1, true), {'r', 'u', 'n'}, 3), "run");
    EXPECT_EQ(decode<std::uint8_t>(minor, state(1, false), {'G', 'r', 0xf6, 0xdf, 'e'}, 5), "Größe");
    EXPECT_EQ(decode<std::uint16_t>(minor, state(2, false), {0x6e2c, 0x5b9a}, 2), "測定");
    EXPECT_EQ(decode<std::uint32_t>(minor, state(4, false), {0x1f600, 'x'}, 2), "😀x");
  }
}

TEST(PythonStrings, WhatIsNoStringIsNothing) {
  EXPECT_FALSE(decode<std::uint8_t>(8, state(3, false), {'a'}, 1).has_value());      // no such kind
  EXPECT_FALSE(decode<std::uint8_t>(8, state(1, true), {'a'}, 1 << 20).has_value());  // longer than any name
  EXPECT_FALSE(decode<std::uint8_t>(8, state(1, true), {'a'}, 900).has_value());      // runs out of what can be read
  FakeMemory empty;
  EXPECT_FALSE(Objects(empty, *known_offsets(version(3, 8))).string(kAt).has_value());
  EXPECT_EQ(decode<std::uint16_t>(8, state(2, false), {0xd800}, 1), "\xef\xbf\xbd");   // half of a pair
}

}  // namespace
}  // namespace sampan::python

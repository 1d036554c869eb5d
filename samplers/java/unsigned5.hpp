// HotSpot's compressed ints (share/utilities/unsigned5.hpp): digits of 6 bits, low first, at most five bytes.
#pragma once

#include "samplers/base/cursor.hpp"

namespace sampan::java {

// `excludes`: how many byte values are never written (1 since JDK 20: zero ends a stream).
inline std::uint32_t read_unsigned5(Cursor& cursor, std::uint8_t excludes) {
  std::uint32_t sum = 0;
  for (unsigned i = 0; i < 5; ++i) {
    const auto byte = cursor.read<std::uint8_t>();
    sum += static_cast<std::uint32_t>(byte - excludes) << (6 * i);
    if (byte < 192 || cursor.bad()) break;
  }
  return sum;
}

inline std::int32_t read_signed5(Cursor& cursor, std::uint8_t excludes) {
  const std::uint32_t value = read_unsigned5(cursor, excludes);
  return static_cast<std::int32_t>(value >> 1) ^ -static_cast<std::int32_t>(value & 1);
}

}  // namespace sampan::java

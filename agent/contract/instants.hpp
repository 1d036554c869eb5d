// A moment that a user names: seconds since a profile's start, or RFC 3339 by the wall clock.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sampan {

struct Instant {
  bool by_clock = false;     // nanoseconds since the epoch, else since the start
  std::uint64_t ns = 0;
  // Nanoseconds since a start, which is by the clock; what lies before it is 0.
  std::uint64_t since(std::uint64_t start_ns) const { return !by_clock ? ns : ns > start_ns ? ns - start_ns : 0; }
};

// `12.5` or `2026-11-27T14:03:22.5Z` (or `+01:00` in place of `Z`); nothing where it is neither.
std::optional<Instant> parse_instant(std::string_view text);

// `from` and `to` of params; either may be absent.
struct WindowOptions {
  std::optional<Instant> from, to;
  bool any() const { return from || to; }
};

}  // namespace sampan

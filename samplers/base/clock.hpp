// Nanoseconds of a clock; CLOCK_MONOTONIC is the one that the kernel's own records carry.
#pragma once

#include <time.h>

#include <cstdint>

namespace sampan {

// Async-signal-safe.
inline std::uint64_t now_ns(clockid_t clock = CLOCK_MONOTONIC) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(time.tv_nsec);
}

}  // namespace sampan

// Clocks: monotonic for intervals, wall for names and events. The test of a day puts its own in their place, which is why
// the agent asks these and not samplers/base/clock.hpp.
#pragma once

#include <cstdint>
#include <string>

namespace sampan {

std::uint64_t monotonic_ns();        // CLOCK_MONOTONIC
std::uint64_t wall_ns();             // since the epoch
// `2026-11-24T13:31:11.123Z`
std::string iso_time(std::uint64_t wall_ns);
// Sleeps until a monotonic time; returns early where a signal came or wake_sleepers() was called.
void sleep_until(std::uint64_t monotonic_ns);
// Wakes who sleeps in sleep_until(), in this process and in those that share its memory. Async-signal-safe.
void wake_sleepers();

}  // namespace sampan

// The moments in the data layer: two to three bytes a sample, read by viewer/time.js and svg/read.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "flamegraph/profile.hpp"

namespace sampan {

// Appends <bursts> (a line each: the window in seconds, a tab, the sentence), <threads> (a line each: the process's label, a tab, the thread's) and <time>, where the profile has moments.
// Then <marks> (a line each: seconds, a tab, what happened) and <gauges> (a line each: the name, a tab, percent by column of
// equal length, separated by blanks; an empty one is not known).
// Time: base64 of numbers (LEB128): how many stacks, the pre-order place of the frame that each ends in (the most frequent
// first); then of each thread how many samples and of each of those: recent * 2 + (1 if ticks since the one before follow;
// else it is one tick), where `recent` is 1 + the stack's place in a list of the last kRecentStacks different ones, or 0:
// its rank follows; then the ticks; then, where `weighed`, the weight.
void append_time(std::string& out, const Profile& profile, const std::vector<std::uint32_t>& box_of);

inline constexpr std::size_t kRecentStacks = 64;

}  // namespace sampan

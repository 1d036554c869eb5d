// The Firefox Profiler's processed format, version 56, on one line (its importer takes several for folded text): opened by
// profiler.firefox.com and ui.perfetto.dev, which upgrade it to what they use.
#pragma once

#include <string>

#include "flamegraph/profile.hpp"

namespace sampan {
// A thread a lane, samples in order of time, each for one interval; waits as weights in milliseconds. Without moments: one
// thread, a sample a stack with its weight, one interval after the other.
std::string to_firefox(const Profile& profile);
}

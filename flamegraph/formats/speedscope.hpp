// speedscope's JSON file format: one `sampled` profile a thread, or a process where threads are merged.
#pragma once

#include <string>

#include "flamegraph/profile.hpp"

namespace sampan {
// Where the profile has moments: a profile a thread, samples in order of time, empty stacks where it did not run. Else one
// sample per distinct stack, in the order of the tree. Process and thread frames become the profiles' names.
// Schema: speedscope's src/lib/file-format-spec.ts.
std::string to_speedscope(const Profile& profile);
}

// speedscope's JSON file format: one `sampled` profile a thread, or a process where threads are merged.
#pragma once

#include <string>

#include "flamegraph/profile.hpp"

namespace sampan {
// One sample per distinct stack, in the order of the tree: the profile keeps no times. Process and thread
// frames become the profiles' names. Schema: speedscope's src/lib/file-format-spec.ts.
std::string to_speedscope(const Profile& profile);
}

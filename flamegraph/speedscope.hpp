// speedscope's JSON file format: one `sampled` profile a thread.
#pragma once

#include <string>

#include "flamegraph/profile.hpp"

namespace sampan {
std::string to_speedscope(const Profile& profile);
}

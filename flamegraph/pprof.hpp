// pprof's gzipped protocol buffer.
#pragma once

#include <string>

#include "flamegraph/profile.hpp"

namespace sampan {
std::string to_pprof(const Profile& profile);
}

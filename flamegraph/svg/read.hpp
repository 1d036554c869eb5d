// A picture read back: its data layer is a format, moments included.
#pragma once

#include <string>
#include <string_view>

#include "flamegraph/profile.hpp"

namespace sampan {

// True where a file begins as a picture does.
bool looks_like_svg(std::string_view head);

// Reads one of our own pictures into an empty profile. Returns what is wrong with it, and the profile is of no use then;
// empty: nothing. The file may be anybody's: bounds are kept, whatever it says.
std::string read_svg(std::string_view text, Profile& profile);

}  // namespace sampan

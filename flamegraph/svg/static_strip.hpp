// The strip of lanes in the static layer: when the busiest threads ran, and what most, for who has no script.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "flamegraph/label.hpp"
#include "flamegraph/layout.hpp"
#include "flamegraph/profile.hpp"

namespace sampan {

// Appends the lanes at x, y, so wide; returns how high they are, 0 where the profile has no moments. `box_of` is lay_out()'s.
double append_static_strip(std::string& out, const Profile& profile, const Labels& labels, const Layout& layout,
                           const std::vector<std::uint32_t>& box_of, double x, double y, double width);

}  // namespace sampan

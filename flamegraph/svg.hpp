// The picture: one .svg with a static layer, a data layer and one constant script.
#pragma once

#include <string>

#include "flamegraph/profile.hpp"

namespace sampan {

struct Picture {
  bool inverted = false;     // icicle: the root on top
  bool reverse = false;      // merge from the leaf
  double min_width = 2;      // narrower frames (pixels at 1200) are left out of the static layer only
};

// Title, subtitle and notes come from profile.description.
std::string render_svg(const Profile& profile, const Picture& picture = {});

}  // namespace sampan

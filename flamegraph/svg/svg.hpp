// The picture: one .svg with a static layer, a data layer and one constant script.
#pragma once

#include <string>
#include <string_view>

#include "flamegraph/profile.hpp"

namespace sampan {

struct Picture {
  bool inverted = false;     // icicle: the root on top
  bool reverse = false;      // merge from the leaf
  double min_width = 2;      // narrower frames (pixels at 1200) are left out of the static layer only
  std::size_t most_frames = 1'000'000;  // in the data layer; the lightest beyond are left out and counted; 0: all
};

// Title, subtitle and notes come from profile.description.
std::string render_svg(const Profile& profile, const Picture& picture = {});

// The bytes that every picture holds, whose sha256 a Content-Security-Policy may name.
std::string_view viewer_script();
std::string_view viewer_style();

}  // namespace sampan

// The data layer of a picture: every frame in about five bytes, read by viewer/data.js.
#pragma once

#include <string>
#include <vector>

#include "flamegraph/label.hpp"
#include "flamegraph/layout.hpp"
#include "flamegraph/profile.hpp"
#include "flamegraph/summary.hpp"
#include "flamegraph/svg/svg.hpp"

namespace sampan {

// Appends a <metadata> element. Names: a line each, the kind's code before the label; the root's comes first.
// Tree: base64 of a pre-order of numbers (LEB128): levels up from the frame before * 2 + (1 if weights follow),
// name, and where they follow own weight and, of a diff, own weight before.
// `box_of` is lay_out()'s, where the profile keeps moments.
void append_data(std::string& out, const Profile& profile, const Labels& labels, const Layout& layout,
                 const std::vector<std::uint32_t>& box_of, const Summary& summary, const Picture& picture);

}  // namespace sampan

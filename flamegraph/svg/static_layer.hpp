// The static layer: what stands in the file when no script runs. All looks are presentation attributes,
// since a Content-Security-Policy may block the style; the style only adds the dark theme.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "flamegraph/label.hpp"
#include "flamegraph/layout.hpp"
#include "flamegraph/profile.hpp"
#include "flamegraph/summary.hpp"
#include "flamegraph/svg/svg.hpp"

namespace sampan {

inline constexpr double kPageWidth = 1200;

// Appends the layer; returns its height in pixels. `box_of`: places of nodes in `tree`, where the profile has moments.
double append_static(std::string& out, const Profile& profile, const Labels& labels, const Layout& layout, const Layout& tree,
                     const std::vector<std::uint32_t>& box_of, const Summary& summary, const Picture& picture);

}  // namespace sampan

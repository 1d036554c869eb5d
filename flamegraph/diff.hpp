// Two profiles in one tree: Node::baseline holds the first, Node::self the second.
#pragma once

#include "flamegraph/profile.hpp"

namespace sampan {
// Normalised: the first profile's weights are scaled to the second's total; the description says so.
Profile diff(const Profile& before, const Profile& after);
}

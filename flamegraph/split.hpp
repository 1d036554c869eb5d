// One profile into several, by the frames that group its stacks: a profile a container, a pod, a process.
#pragma once

#include <vector>

#include "flamegraph/profile.hpp"

namespace sampan {

// The frames of that kind under which something was sampled, in the order of the tree; kNoFrame stands for what lies under
// none, where there is such.
std::vector<FrameId> parts_of(const Profile& profile, FrameKind kind);

// What lies under that frame (see parts_of), with the moments and the description of the whole. Without `shown` the frames of
// that kind are left out.
Profile part_of(const Profile& profile, FrameKind kind, FrameId part, bool shown);

}  // namespace sampan

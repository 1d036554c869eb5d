// Profiles into one, by their stacks and by the wall clock; and what of a profile lies in a window of time.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "flamegraph/profile.hpp"

namespace sampan {

// Adds one profile's stacks to another's tree, frames being the same where they are equal: the new node of each of its
// nodes. With `baseline`, weights go to Node::baseline, each times `scale`.
std::vector<NodeId> add_stacks(Profile& out, const Profile& from, double scale = 1, bool baseline = false);

// Adds one profile's moments to another that holds its stacks: node `id` there is `moved[id]` here. Both begin where the
// earlier one does; returns how long after that `from` begins, in nanoseconds.
std::uint64_t add_moments(Profile& out, const Profile& from, std::span<const NodeId> moved);

// Adds stacks and moments. The first that is added gives the description's unit, rate and times.
void merge(Profile& out, const Profile& from);

// What was sampled between two moments, in nanoseconds since the profile's start: waits in part.
Profile window_of(const Profile& profile, std::uint64_t from_ns, std::uint64_t to_ns);

}  // namespace sampan

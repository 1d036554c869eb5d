// Where a process runs, as frames above it and in words.
#pragma once

#include <string>
#include <vector>

#include "agent/target/containers.hpp"
#include "flamegraph/profile.hpp"

namespace sampan {

// `, in container web (0123456789ab) of pod 1234…`; empty where it runs in none.
std::string place_of(const Container& container);

// Whose it is, from the outermost: its node, namespace, pod and container, as far as they are known and asked for. The frames'
// texts are the container's own.
std::vector<Frame> frames_above(const std::vector<FrameKind>& kinds, const Container& container);

}  // namespace sampan

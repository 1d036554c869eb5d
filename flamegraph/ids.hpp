// Places in a profile's tables.
#pragma once

#include <cstdint>

namespace sampan {
using FrameId = std::uint32_t;
using NodeId = std::uint32_t;
using LaneId = std::uint32_t;
}

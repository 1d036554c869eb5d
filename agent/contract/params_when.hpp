// The params of the flight recorder: `when`, `before`, `after`, `cooldown`.
#pragma once

#include "agent/contract/recorder.hpp"
#include "agent/contract/strict_json.hpp"

namespace sampan {

void read_recorder(StrictJson& reader, RecorderOptions& options);

}  // namespace sampan

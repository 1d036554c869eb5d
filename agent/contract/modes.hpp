// What the agent is asked to do.
#pragma once

#include <cstdint>

namespace sampan {

enum class Mode : std::uint8_t { Profile, Doctor, Dump, Top, Render, Merge, Diff };

const char* mode_name(Mode mode);

}  // namespace sampan

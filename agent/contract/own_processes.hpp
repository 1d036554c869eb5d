// Processes of the agent beside its first one, by the name that they give themselves: no one's targets.
#pragma once

namespace sampan {
inline constexpr const char* kCourierName = "sampan-courier";   // at most 15 bytes, see prctl(2), PR_SET_NAME
}

#include "flamegraph/folded.hpp"

namespace sampan {
std::string frame_label(const Frame& frame) { return std::string(frame.name); }
}  // namespace sampan

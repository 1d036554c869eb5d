#include "agent/contract/modes.hpp"

#include <cstddef>

namespace sampan {

const char* mode_name(Mode mode) {
  constexpr const char* kNames[] = {"profile", "doctor", "dump", "top", "render", "merge", "diff"};
  return kNames[static_cast<std::size_t>(mode)];
}

}  // namespace sampan

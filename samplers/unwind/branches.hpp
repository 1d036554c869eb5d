// Where machine code jumps to, as far as an instruction alone tells.
#pragma once

#include <cstddef>
#include <cstdint>

#include "samplers/base/architecture.h"
#include "samplers/base/cursor.hpp"

namespace sampan {

// Where the jump at `at` leads, of code that starts at address `start`; 0 where none stands there, or a short one. Not calls.
std::uint64_t branch_target(const sampan_architecture& architecture, Bytes code, std::size_t at, std::uint64_t start);

}  // namespace sampan

// From a place in a method's instructions to its source line, exactly as `caller` tells it.
#pragma once

#include <cstdint>
#include <optional>

#include "samplers/process/memory.hpp"
#include "samplers/ruby/layout.hpp"

namespace sampan::ruby {

// `body` is an rb_iseq_constant_body, `position` a count of words from its first instruction.
std::optional<std::uint32_t> find_line(Memory& memory, const Layout& layout, std::uint64_t body, std::uint64_t position);

}  // namespace sampan::ruby

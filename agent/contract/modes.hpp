// What the agent can be asked to do: the rows of modes.def.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace sampan {

enum class Mode : std::uint8_t {
#define MODE(enumerator, ...) enumerator,
#include "agent/contract/modes.def"
};

// Lives as long as the program.
struct ModeRow {
  Mode mode;
  const char* name;                    // as params say it
  bool target;                         // needs target keys, and reads targets
  std::size_t least_inputs, most_inputs;
  bool restricted;                     // the agent restricts itself before
};

std::span<const ModeRow> modes();
const ModeRow& row_of(Mode mode);

}  // namespace sampan

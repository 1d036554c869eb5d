// Optimised code: which functions a pc stands for, inlined ones included, and where in each. Calls are told by what V8 itself
// would rebuild on a deoptimisation, exactly; the innermost place by the table of source positions.
#pragma once

#include <cstdint>
#include <vector>

#include "samplers/node/codes.hpp"

namespace sampan::node {

// One function at work. A place is a bytecode offset, or an offset in the source, or neither.
struct Spot {
  static constexpr std::int32_t kNone = INT32_MIN;
  std::uint64_t shared = 0;              // SharedFunctionInfo; 0: not known
  std::int32_t bytecode = kNone;         // -1: before the first
  std::int32_t source = kNone;           // characters
};

// Appends the spots, innermost first. `pc` is where it runs (`exact`) or returns to. False where nothing tells.
bool find_spots(const Heap& heap, const Code& code, std::uint64_t pc, bool exact, std::vector<Spot>& out);

// The function that was optimised, as a SharedFunctionInfo; 0: not known.
std::uint64_t outer_function(const Heap& heap, const Code& code);
// The parts, for tests.
bool spots_by_positions(const Heap& heap, const Code& code, std::int32_t offset, std::vector<Spot>& out);
bool spots_by_translation(const Heap& heap, const Code& code, std::uint32_t index, std::vector<Spot>& out);
// The deoptimisation's number of a call by its return offset; -1: none.
std::int32_t deopt_index_of_call(const Row& row, const Code& code, std::uint32_t offset);

}  // namespace sampan::node

// Compiles call frame information (.eh_frame, .debug_frame) to rows. One pass, no sort of rows: FDEs are put in
// order first. Hostile input costs at most its own size in time; what is not understood becomes an UNKNOWN row.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "samplers/base/architecture.h"
#include "samplers/base/cursor.hpp"
#include "samplers/unwind/rows.h"

namespace sampan {

struct CfiSection {
  Bytes bytes;
  std::uint64_t address = 0;   // of the section, as the file has it
  bool debug_frame = false;    // the DWARF form: other CIE marks, absolute addresses
  const sampan_architecture& architecture = sampan_native;
};

struct Cfi {
  std::vector<sampan_row> rows;            // sorted; the gaps between functions are NONE rows
  std::vector<std::uint32_t> functions;    // where FDEs start, sorted: names stripped functions
  std::uint64_t unknown = 0;               // rows with a rule that is not understood
  std::uint64_t malformed = 0;             // entries passed over
};

// Addresses in the result are relative to `base`; code 4 GiB or more above it is passed over.
Cfi compile_cfi(const CfiSection& section, std::uint64_t base);

// `first` with its gaps filled from `second`; both sorted.
std::vector<sampan_row> overlay_rows(std::span<const sampan_row> first, std::span<const sampan_row> second);

// The row that holds at an address relative to the base; nullptr before the first one.
const sampan_row* find_row(std::span<const sampan_row> rows, std::uint64_t address);

}  // namespace sampan

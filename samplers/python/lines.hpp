// A code object's line table as ranges: which bytes of bytecode belong to which line. Pure bytes in, rows out.
#pragma once

#include <cstdint>
#include <vector>

#include "samplers/base/cursor.hpp"
#include "samplers/python/offsets.h"

namespace sampan::python {

struct LineStart {
  std::uint32_t offset;   // bytes into the bytecode; holds up to the next row's offset, exclusive
  std::uint32_t line;     // 0: no line
};

// Sorted by offset, neighbours of one line merged; at most 65,536 rows. Never fails: a torn table gives a short list.
std::vector<LineStart> decode_lines(sampan_py_lines kind, Bytes table, std::uint32_t first_line);

// The row that holds the offset; 0 where the table is empty or begins later.
std::size_t find_line(const std::vector<LineStart>& lines, std::int64_t offset);

}  // namespace sampan::python

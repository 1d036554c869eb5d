// Rows of arm64 code that no compiler made and nothing in the file describes: the linker's jumps to other libraries,
// where a signal's handler returns to in the kernel's vdso, and where a program begins.
#pragma once

#include <cstdint>
#include <vector>

#include "samplers/elf/elf_file.hpp"
#include "samplers/unwind/rows.h"

namespace sampan {

// Sorted; relative to the base.
std::vector<sampan_row> linker_rows(const ElfFile& file, std::uint64_t base);

}  // namespace sampan

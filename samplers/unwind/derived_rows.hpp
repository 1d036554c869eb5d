// Rows for code that no unwind information covers, told from the code itself: each function is followed from its entry
// along every branch, so that at each instruction it is known how far away the return address is.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "samplers/elf/elf_file.hpp"
#include "samplers/unwind/rows.h"

namespace sampan {

struct DerivedRows {
  std::vector<sampan_row> rows;            // each but NONE marked as derived; UNKNOWN where ways that meet disagree
  std::vector<std::uint32_t> functions;    // where functions start, relative to the base, sorted
};

// `known`, `functions`: what the file's own tables say, relative to `base`; code that they cover is only searched for
// calls. Costs at most a few million instructions. Nothing for a file of another architecture than x86_64.
DerivedRows derive_rows(const ElfFile& file, std::span<const sampan_row> known, std::span<const std::uint32_t> functions,
                        std::uint64_t base);

// The same of bare code at `address`, of which functions start at `starts`; for tests and fuzzing.
std::vector<sampan_row> derive_rows(Bytes code, std::uint64_t address, std::span<const std::uint64_t> starts);

}  // namespace sampan

// Rows from Go's frame sizes: Go code describes itself in pclntab, not in .eh_frame.
#pragma once

#include <cstdint>
#include <vector>

#include "samplers/base/architecture.h"
#include "samplers/symbols/go_pclntab.hpp"
#include "samplers/unwind/rows.h"

namespace sampan {

// `file`: may be nullptr.
std::vector<sampan_row> compile_go_rows(const GoPclntab& table, const ElfFile* file, std::uint64_t base, const sampan_architecture& architecture);

}  // namespace sampan

// What the program headers tell of a file that has no section headers (packers and `--strip-sections` take them): the
// sections that unwinding and naming need, found by PT_DYNAMIC, PT_GNU_EH_FRAME and PT_NOTE.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "samplers/elf/elf_file.hpp"

namespace sampan {

struct ProgramHeader {
  std::uint32_t type;      // PT_…
  ElfSegment segment;
};

// `read` fills from a file address, false where the file has no such bytes. The sections bear the names that linkers give
// them; each lies inside of a loaded segment.
std::vector<ElfSection> sections_of_segments(const std::vector<ProgramHeader>& headers,
                                             const std::function<bool(std::uint64_t, std::span<std::byte>)>& read);

}  // namespace sampan

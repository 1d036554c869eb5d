// Where a Go binary's runtime.moduledata says its code and inline trees are. Position-independent binaries hold these
// words in relative relocations, not in the file's bytes.
#pragma once

#include <cstdint>
#include <span>

#include "samplers/elf/elf_file.hpp"

namespace sampan {

struct GoModule {
  std::uint64_t text = 0;        // runtime.text; 0: not found
  std::uint64_t functions = 0;   // go:func.*; 0: not found
};

GoModule find_go_module(const ElfFile& file, std::uint64_t pclntab);

// Bytes of the file from `address` on as the loader will leave them: relative relocations applied.
void relocate(const ElfFile& file, std::uint64_t address, std::span<std::byte> bytes);

}  // namespace sampan

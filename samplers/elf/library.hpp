// The file that holds an interpreter: found among a process's mappings by what it defines, its own variables read.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "samplers/elf/elf_file.hpp"
#include "samplers/process/memory.hpp"
#include "samplers/process/process.hpp"

namespace sampan {

struct Library {
  std::shared_ptr<ElfFile> elf;
  std::uint64_t bias = 0;
  // Where a symbol of it lies in the process.
  std::optional<std::uint64_t> address(std::string_view symbol) const;
};

// The first file that `holds` takes: the executable is asked first; of the others only those whose path contains `name`.
std::optional<Library> find_library(const Process& process, ElfCache& elfs, std::string_view name,
                                    const std::function<bool(const ElfFile&)>& holds);

// The words of one writable segment.
struct Variables {
  std::uint64_t start = 0;             // a multiple of 8
  std::vector<std::uint64_t> words;    // pages that cannot be read are zero
  Bytes bytes() const { return std::as_bytes(std::span(words)); }
};
// The library's own variables, segment by segment; those larger than `most` bytes are passed over.
std::vector<Variables> read_variables(Memory& memory, const Library& library, std::size_t most);

}  // namespace sampan

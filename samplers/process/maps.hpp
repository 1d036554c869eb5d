// A process's mappings, as /proc/PID/maps tells them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "samplers/process/files.hpp"

namespace sampan {

struct Mapping {
  std::uint64_t start = 0;
  std::uint64_t end = 0;
  std::uint64_t offset = 0;        // in the file, bytes
  FileId file;                     // zero inode: anonymous
  bool readable = false, writable = false, executable = false;
  bool deleted = false;            // the path ended in ` (deleted)`, which is cut off here
  std::string path;                // in the target's mount namespace; `[heap]`, `[vdso]`; empty: anonymous
  bool contains(std::uint64_t address) const { return address >= start && address < end; }
};

// Sorted by address, at most 262,144 mappings; lines that do not parse are passed over.
std::vector<Mapping> parse_maps(std::string_view text);
// Empty where the process is gone or may not be read.
std::vector<Mapping> read_maps(pid_t pid);
// The mapping that holds the address, or nullptr.
const Mapping* find_mapping(std::span<const Mapping> maps, std::uint64_t address);

}  // namespace sampan

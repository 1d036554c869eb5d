// What one ELF file tells about unwinding: its rows and where its functions start; built once per file.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "samplers/elf/elf_file.hpp"
#include "samplers/unwind/cfi.hpp"

namespace sampan {

struct UnwindTable {
  std::uint64_t base = 0;                  // the file's lowest address: rows are relative to it
  std::vector<sampan_row> rows;            // empty: frame-pointer steps only
  std::vector<std::uint32_t> functions;    // relative to the base, sorted
  std::uint64_t unknown = 0;               // rows that are not understood
  bool go = false;                         // has Go's own tables

  // Where the function that holds a file address starts, as a file address; 0: not known.
  std::uint64_t function_start(std::uint64_t address) const;
};

// .eh_frame, the gaps filled from Go's pclntab or else .debug_frame, then from the code itself.
UnwindTable build_unwind_table(const ElfFile& file);

// A table lives as long as the cache or whoever holds it. Built at the first get(), which can take 100 ms for a large file.
class UnwindCache {
 public:
  // Never nullptr for a file.
  std::shared_ptr<const UnwindTable> get(const std::shared_ptr<ElfFile>& file);
  // The kernel's vdso as an ELF file, read from a process's memory once per run; nullptr where it cannot be read.
  std::shared_ptr<ElfFile> vdso(const Process& process, const Mapping& mapping);

 private:
  std::map<const ElfFile*, std::shared_ptr<const UnwindTable>> tables_;
  std::map<std::vector<std::byte>, std::shared_ptr<ElfFile>> vdsos_;   // by their bytes: a target may have changed its own
  std::vector<std::shared_ptr<ElfFile>> kept_;                // so that no address in tables_ is reused
};

}  // namespace sampan

// A process's code: executable mappings, with the file, the rows and the bias of each. Both unwinders read it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "samplers/unwind/unwind_table.hpp"

namespace sampan {

struct CodeRegion {
  std::uint64_t start = 0, end = 0;
  std::uint64_t bias = 0;                        // process address - bias = file address
  std::string path;                              // of its file; empty: anonymous (JIT)
  std::string mapped;                            // as in maps, where a file's code was moved to other memory
  std::shared_ptr<ElfFile> file;                 // nullptr: none that can be read
  std::shared_ptr<const UnwindTable> table;      // nullptr: frame-pointer steps only
};

// The mapping that tells what the code of `maps[index]` is of: itself; or, of anonymous memory between two mappings of one
// file, the one before. Huge-page remappers put copies of a program's text there.
const Mapping& owner_of_code(const std::vector<Mapping>& maps, std::size_t index);

class AddressSpace {
 public:
  // The process and the caches outlive it. Reads the process's mappings as of opening.
  AddressSpace(const Process& process, ElfCache& elfs, UnwindCache& tables);

  // Reads the mappings again; true where code changed. A process that is gone keeps what it had.
  bool refresh();
  // The region that holds an address, or nullptr. Valid until the next refresh.
  const CodeRegion* find(std::uint64_t address) const;
  const std::vector<CodeRegion>& regions() const { return regions_; }
  std::uint64_t generation() const { return generation_; }   // grows with each change

 private:
  bool take(const std::vector<Mapping>& maps);
  CodeRegion region_of(const std::vector<Mapping>& maps, std::size_t index);

  const Process& process_;
  ElfCache& elfs_;
  UnwindCache& tables_;
  std::vector<CodeRegion> regions_;   // sorted
  std::uint64_t generation_ = 0;
};

}  // namespace sampan

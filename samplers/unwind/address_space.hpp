// A process's code: executable mappings, with the file, the rows and the bias of each. Both unwinders read it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "samplers/unwind/unwind_table.hpp"

namespace sampan {

struct AddressRange {
  std::uint64_t start, end;
};

struct CodeRegion {
  std::uint64_t start = 0, end = 0;
  std::uint64_t bias = 0;                        // process address - bias = file address
  std::string path;                              // of its file; empty: anonymous (JIT)
  std::string mapped;                            // as in maps, where a file's code was moved to other memory
  FileId mapped_file;                            // so is this
  std::uint64_t offset = 0;                      // of what is mapped, in it
  std::shared_ptr<ElfFile> file;                 // nullptr: none that can be read
  std::shared_ptr<const UnwindTable> table;      // nullptr: frame-pointer steps only
};

// Of a process whose highest mapping ends there. An address space is of 39, 42, 47, 48 or 52 bits, and the stack lies in its
// upper half; above 48 bits only what asks for it.
std::uint64_t address_bits(const sampan_architecture& architecture, std::uint64_t highest);

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
  // The bits that a code address can have set. arm64 signs return addresses in those above (Documentation/arch/arm64/
  // pointer-authentication.rst): as many as the kernel gives addresses none of, which its highest mapping shows.
  std::uint64_t address_bits() const { return address_bits_; }
  std::uint64_t generation() const { return generation_; }   // grows with each change

 private:
  bool take(const std::vector<Mapping>& maps);
  CodeRegion region_of(const std::vector<Mapping>& maps, std::size_t index);

  const Process& process_;
  ElfCache& elfs_;
  UnwindCache& tables_;
  std::vector<CodeRegion> regions_;   // sorted
  std::uint64_t address_bits_ = ~std::uint64_t{0};
  std::uint64_t generation_ = 0;
};

}  // namespace sampan

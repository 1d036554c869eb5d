// A DWARF package (.dwp, https://gcc.gnu.org/wiki/DebugFissionDWP and DWARF 5, 7.3.5): the split units of a program in one
// file, which Debian 12's libdw does not read. Each is given out as the .dwo that it was made of.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "samplers/elf/elf_file.hpp"

namespace sampan {

class DwarfPackage {
 public:
  // The package of a program: its path and `.dwp`, below `root`, by the rules of process/files. nullptr where there is none.
  static std::unique_ptr<DwarfPackage> beside(int root, const std::string& path);

  // A .dwo in memory that holds that unit (DW_AT_dwo_id), with what is needed to name functions and find them by their
  // addresses. None where the package has not the unit.
  UniqueFd unit(std::uint64_t id) const;

 private:
  struct Part {
    const char* section;
    std::uint32_t offset, size;
  };

  bool read_index();
  std::vector<Part> parts_of(std::uint64_t id) const;
  std::vector<std::byte> bytes_of(const Part& part) const;

  std::shared_ptr<ElfFile> file_;
  std::vector<std::byte> strings_, index_;
  std::map<std::uint64_t, std::uint32_t> rows_;   // of the index, by the unit's id
  std::uint32_t columns_ = 0, units_ = 0;
  std::size_t numbers_ = 0;                       // where the columns' numbers begin in the index
  bool version_5_ = false;
};

}  // namespace sampan

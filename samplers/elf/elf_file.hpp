// One ELF file, read by libelf with pread (a target's file may be cut short at any moment: never mmap).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "samplers/base/architecture.h"
#include "samplers/base/cursor.hpp"
#include "samplers/base/result.hpp"
#include "samplers/base/unique_fd.hpp"
#include "samplers/process/process.hpp"

struct Elf;

namespace sampan {

struct ElfSegment {
  std::uint64_t address, offset, file_size, memory_size;
  std::uint32_t flags;   // PF_R | PF_W | PF_X
};
struct ElfSection {
  std::string name;
  std::uint64_t address, offset, size;
  std::uint32_t type;
};
struct ElfSymbol {
  std::uint64_t address, size;
  std::uint8_t type;     // STT_…
  std::string_view name; // lives as long as the file
};

class ElfFile {
 public:
  static Result<std::shared_ptr<ElfFile>> open(UniqueFd fd);
  ~ElfFile();
  ElfFile(const ElfFile&) = delete;

  const std::vector<ElfSegment>& segments() const { return segments_; }   // PT_LOAD only
  // Of a file without section headers: what its program headers tell of (samplers/elf/segment_sections.hpp).
  const std::vector<ElfSection>& sections() const { return sections_; }
  const ElfSection* section(std::string_view name) const;
  bool headerless() const { return headerless_; }
  // A named symbol of .symtab or .dynsym, defined here.
  std::optional<ElfSymbol> symbol(std::string_view name) const;
  // Every defined symbol of .symtab, or of .dynsym where there is none.
  void each_symbol(const std::function<void(const ElfSymbol&)>& visit) const;
  // Section bytes (decompressed never; at most 256 MiB); empty where it has none.
  std::vector<std::byte> bytes(const ElfSection& section) const;
  // Bytes at an address as the file has them; false past a segment's file part.
  bool read(std::uint64_t address, std::span<std::byte> into) const;
  // The processor that its code is for; of one that is not known, the one this runs on.
  const sampan_architecture& architecture() const { return *architecture_; }
  const std::string& build_id() const { return build_id_; }               // lower-case hex; may be empty
  std::uint64_t entry() const { return entry_; }                          // of the program, a file address; 0: none
  int fd() const { return fd_.get(); }
  Elf* handle() const { return elf_; }

  // What to add to the file's addresses where a mapping of it was found in a process.
  std::uint64_t bias(const Mapping& mapping) const;

 private:
  ElfFile() = default;
  void read_sections();
  void each_loaded_symbol(const std::function<void(const ElfSymbol&)>& visit) const;   // where section headers are missing
  UniqueFd fd_;
  Elf* elf_ = nullptr;
  const sampan_architecture* architecture_ = &sampan_native;
  std::vector<ElfSegment> segments_;
  std::vector<ElfSection> sections_;
  std::string build_id_;
  std::uint64_t entry_ = 0;
  mutable std::vector<std::byte> names_;   // of the symbols, where section headers are missing
  bool headerless_ = false;
};

// Each file once, so that forty forked workers parse libpython once. What maps says of device and inode is another file's
// too where a file system has snapshots (btrfs): it is trusted only of files that were opened and say the same of
// themselves. Any other is opened for each process and known by what no owner of a file can set: its last change.
class ElfCache {
 public:
  // nullptr where the mapping has no readable ELF file behind it; one that could not be opened is tried again the next time.
  std::shared_ptr<ElfFile> get(const Process& process, const Mapping& mapping);

 private:
  struct Stamp {
    FileId mapped;
    std::uint64_t device = 0, size = 0, changed_ns = 0;
    auto operator<=>(const Stamp&) const = default;
  };
  std::map<FileId, std::shared_ptr<ElfFile>> certain_;   // its descriptor is held: nothing else can come to bear its id
  std::map<Stamp, std::shared_ptr<ElfFile>> opened_;     // nullptr: no ELF
};

}  // namespace sampan

// The functions of one ELF file by address, from every table it has: .symtab, its debug file, .gnu_debugdata, .dynsym.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "samplers/elf/elf_file.hpp"

namespace sampan {

struct FunctionSymbol {
  std::uint64_t address = 0, size = 0;   // as the file has it; size 0: not told (assembly)
  const char* name = nullptr;            // mangled; lives as long as the table
};

class SymbolTable {
 public:
  // `files`: the best source first; their addresses agree (a file and its own debug files).
  explicit SymbolTable(std::vector<std::shared_ptr<ElfFile>> files);
  // The function that holds an address; nullptr where none does.
  const FunctionSymbol* find(std::uint64_t address) const;
  std::size_t size() const { return symbols_.size(); }

 private:
  std::vector<std::shared_ptr<ElfFile>> files_;
  std::vector<FunctionSymbol> symbols_;   // sorted by address
};

// A file's own .gnu_debugdata (MiniDebugInfo: an xz-compressed ELF), at most 64 MiB; nullptr where it has none.
std::shared_ptr<ElfFile> open_minidebug(const ElfFile& file);

// The debug file of an ELF inside the target's root: by build id, then by .gnu_debuglink; nullptr where there is none.
std::shared_ptr<ElfFile> open_debug_file(const ElfFile& file, int root, const std::string& path);

}  // namespace sampan

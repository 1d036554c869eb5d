// The dynamic symbols of an ELF file as a process has it loaded: read from its memory alone, so that deleted
// files and other mount namespaces make no difference.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "samplers/base/cursor.hpp"
#include "samplers/process/memory.hpp"

namespace sampan {

struct LoadedSymbol {
  std::uint64_t address;   // in the process
  std::uint64_t size;
};

class DynamicSymbols {
 public:
  // `start` is where the file's first bytes are mapped; nothing where no dynamic ELF file is there.
  static std::optional<DynamicSymbols> open(Memory& memory, std::uint64_t start);
  // A defined symbol, found by the file's own hash table (DT_GNU_HASH, else DT_HASH).
  std::optional<LoadedSymbol> find(std::string_view name) const;
  std::uint64_t bias() const { return bias_; }

 private:
  explicit DynamicSymbols(Memory& memory) : memory_(&memory) {}
  std::optional<LoadedSymbol> check(std::uint32_t index, std::string_view name) const;
  std::optional<LoadedSymbol> find_gnu(std::string_view name) const;
  std::optional<LoadedSymbol> find_sysv(std::string_view name) const;

  Memory* memory_;
  std::uint64_t bias_ = 0, symbols_ = 0, strings_ = 0, gnu_hash_ = 0, hash_ = 0;
};

}  // namespace sampan

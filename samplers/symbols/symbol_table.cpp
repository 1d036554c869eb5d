#include "samplers/symbols/symbol_table.hpp"

#include <elf.h>

#include <algorithm>
#include <cstring>

namespace sampan {
namespace {

constexpr std::size_t kMostSymbols = 8'000'000;

// Of arm64's ELF: where code begins and where data, no names ($x, $d, $x.5; aaelf64, "mapping symbols").
bool is_mapping_symbol(const ElfSymbol& symbol) { return symbol.type == STT_NOTYPE && !symbol.name.empty() && symbol.name[0] == '$'; }

bool is_code(const ElfSymbol& symbol) {
  if (is_mapping_symbol(symbol)) return false;
  return symbol.address != 0 && (symbol.type == STT_FUNC || symbol.type == STT_GNU_IFUNC || symbol.type == STT_NOTYPE);
}

std::size_t underscores(const char* name) {
  std::size_t count = 0;
  while (name[count] == '_') ++count;
  return count;
}

// Of the names of one address: one with a size, then the plainest (`malloc` before `__libc_malloc`).
bool better(const FunctionSymbol& a, const FunctionSymbol& b) {
  if (a.address != b.address) return a.address < b.address;
  if ((a.size != 0) != (b.size != 0)) return a.size != 0;
  if (underscores(a.name) != underscores(b.name)) return underscores(a.name) < underscores(b.name);
  return std::strlen(a.name) < std::strlen(b.name);
}

}  // namespace

SymbolTable::SymbolTable(std::vector<std::shared_ptr<ElfFile>> files) : files_(std::move(files)) {
  for (const auto& file : files_) {
    file->each_symbol([&](const ElfSymbol& symbol) {
      if (is_code(symbol) && symbols_.size() < kMostSymbols) symbols_.push_back({symbol.address, symbol.size, symbol.name.data()});
    });
  }
  std::stable_sort(symbols_.begin(), symbols_.end(), better);
  const auto same = [](const FunctionSymbol& a, const FunctionSymbol& b) { return a.address == b.address; };
  symbols_.erase(std::unique(symbols_.begin(), symbols_.end(), same), symbols_.end());
  symbols_.shrink_to_fit();
}

const FunctionSymbol* SymbolTable::find(std::uint64_t address) const {
  constexpr int kMostBack = 16;    // labels inside a function
  auto at = std::upper_bound(symbols_.begin(), symbols_.end(), address, [](std::uint64_t a, const FunctionSymbol& s) { return a < s.address; });
  const FunctionSymbol* sizeless = nullptr;
  for (int back = 0; back < kMostBack && at != symbols_.begin(); ++back) {
    --at;
    if (at->size != 0 && address - at->address < at->size) return &*at;
    if (at->size == 0 && back == 0) sizeless = &*at;
  }
  return sizeless;
}

}  // namespace sampan

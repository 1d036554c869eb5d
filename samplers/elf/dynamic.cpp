#include "samplers/elf/dynamic.hpp"

#include <elf.h>

#include <algorithm>
#include <string>
#include <vector>

namespace sampan {
namespace {

constexpr std::uint64_t kMostHeaders = 256;
constexpr std::uint64_t kMostEntries = 1024;
constexpr unsigned kMostSteps = 4096;

}  // namespace

std::optional<DynamicSymbols> DynamicSymbols::open(Memory& memory, std::uint64_t start) {
  Elf64_Ehdr header;
  if (!memory.read_into(start, header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
      header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_phentsize != sizeof(Elf64_Phdr)) {
    return {};
  }
  std::vector<Elf64_Phdr> segments(std::min<std::uint64_t>(header.e_phnum, kMostHeaders));
  if (!memory.read(start + header.e_phoff, std::as_writable_bytes(std::span(segments)))) return {};
  DynamicSymbols found(memory);
  std::uint64_t lowest = ~std::uint64_t{0}, dynamic = 0, size = 0;
  for (const auto& s : segments) {
    if (s.p_type == PT_LOAD) lowest = std::min<std::uint64_t>(lowest, s.p_vaddr & ~std::uint64_t{4095});
    if (s.p_type == PT_DYNAMIC) dynamic = s.p_vaddr, size = s.p_memsz;
  }
  if (lowest == ~std::uint64_t{0} || dynamic == 0) return {};
  found.bias_ = start - lowest;
  std::vector<Elf64_Dyn> entries(std::min<std::uint64_t>(size / sizeof(Elf64_Dyn), kMostEntries));
  if (!memory.read(found.bias_ + dynamic, std::as_writable_bytes(std::span(entries)))) return {};
  for (const auto& entry : entries) {
    // glibc relocates these pointers in place; musl leaves them as the file has them.
    const std::uint64_t at = entry.d_un.d_ptr < found.bias_ ? found.bias_ + entry.d_un.d_ptr : entry.d_un.d_ptr;
    if (entry.d_tag == DT_NULL) break;
    if (entry.d_tag == DT_SYMTAB) found.symbols_ = at;
    if (entry.d_tag == DT_STRTAB) found.strings_ = at;
    if (entry.d_tag == DT_GNU_HASH) found.gnu_hash_ = at;
    if (entry.d_tag == DT_HASH) found.hash_ = at;
  }
  if (!found.symbols_ || !found.strings_) return {};
  return found;
}

std::optional<LoadedSymbol> DynamicSymbols::find(std::string_view name) const {
  if (gnu_hash_) return find_gnu(name);
  return hash_ ? find_sysv(name) : std::nullopt;
}

std::optional<LoadedSymbol> DynamicSymbols::check(std::uint32_t index, std::string_view name) const {
  Elf64_Sym symbol;
  if (!memory_->read_into(symbols_ + std::uint64_t{index} * sizeof symbol, symbol) || symbol.st_shndx == SHN_UNDEF) return {};
  std::string text(name.size() + 1, '\1');
  if (!memory_->read(strings_ + symbol.st_name, std::as_writable_bytes(std::span(text)))) return {};
  if (text.back() != '\0' || std::string_view(text).substr(0, name.size()) != name) return {};
  return LoadedSymbol{bias_ + symbol.st_value, symbol.st_size};
}

// Header {buckets, first symbol, bloom words, bloom shift}, the bloom filter, the buckets, the chains of hashes.
std::optional<LoadedSymbol> DynamicSymbols::find_gnu(std::string_view name) const {
  std::uint32_t head[4];
  if (!memory_->read(gnu_hash_, std::as_writable_bytes(std::span(head))) || head[0] == 0) return {};
  std::uint32_t hash = 5381;
  for (const char c : name) hash = hash * 33 + static_cast<unsigned char>(c);
  const std::uint64_t buckets = gnu_hash_ + sizeof head + std::uint64_t{head[2]} * 8;
  const std::uint64_t chains = buckets + std::uint64_t{head[0]} * 4;
  auto index = memory_->read_as<std::uint32_t>(buckets + hash % head[0] * 4);
  for (unsigned step = 0; index >= head[1] && step < kMostSteps; ++index, ++step) {
    const auto link = memory_->read_as<std::uint32_t>(chains + std::uint64_t{index - head[1]} * 4);
    if ((link | 1) == (hash | 1)) {
      if (auto symbol = check(index, name)) return symbol;
    }
    if (link & 1) break;
  }
  return {};
}

std::optional<LoadedSymbol> DynamicSymbols::find_sysv(std::string_view name) const {
  std::uint32_t head[2];
  if (!memory_->read(hash_, std::as_writable_bytes(std::span(head))) || head[0] == 0) return {};
  std::uint32_t hash = 0;
  for (const char c : name) {
    hash = (hash << 4) + static_cast<unsigned char>(c);
    const std::uint32_t top = hash & 0xf0000000;
    hash = (hash ^ top >> 24) & ~top;
  }
  const std::uint64_t chains = hash_ + sizeof head + std::uint64_t{head[0]} * 4;
  auto index = memory_->read_as<std::uint32_t>(hash_ + sizeof head + hash % head[0] * 4);
  for (unsigned step = 0; index != 0 && step < kMostSteps; ++step) {
    if (auto symbol = check(index, name)) return symbol;
    index = memory_->read_as<std::uint32_t>(chains + std::uint64_t{index} * 4);
  }
  return {};
}

}  // namespace sampan

#include "samplers/elf/library.hpp"

#include <elf.h>

#include <algorithm>

namespace sampan {

std::optional<std::uint64_t> Library::address(std::string_view symbol) const {
  const auto found = elf->symbol(symbol);
  if (!found) return {};
  return bias + found->address;
}

std::optional<Library> find_library(const Process& process, ElfCache& elfs, std::string_view name,
                                    const std::function<bool(const ElfFile&)>& holds) {
  const Mapping* last = nullptr;
  for (const Mapping& mapping : process.maps) {
    const bool first = !last;
    const bool repeated = last && last->file == mapping.file;
    last = &mapping;
    if (mapping.file.inode == 0 || repeated || (!first && mapping.path.find(name) == std::string::npos)) continue;
    const auto elf = elfs.get(process, mapping);
    if (elf && holds(*elf)) return Library{elf, elf->bias(mapping)};
  }
  return {};
}

std::vector<Variables> read_variables(Memory& memory, const Library& library, std::size_t most) {
  constexpr std::size_t kPage = 4096 / sizeof(std::uint64_t);
  std::vector<Variables> all;
  for (const ElfSegment& segment : library.elf->segments()) {
    if (!(segment.flags & PF_W) || segment.memory_size > most) continue;
    Variables part{(segment.address + library.bias + 7) & ~std::uint64_t{7}, std::vector<std::uint64_t>(segment.memory_size / 8)};
    std::vector<Read> reads;
    for (std::size_t at = 0; at < part.words.size(); at += kPage) {
      const auto page = std::span(part.words).subspan(at, std::min(kPage, part.words.size() - at));
      reads.push_back({part.start + at * 8, std::as_writable_bytes(page)});
    }
    memory.read_each(reads);
    all.push_back(std::move(part));
  }
  return all;
}

}  // namespace sampan

#include "samplers/symbols/go_moduledata.hpp"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace sampan {
namespace {

// Words from the start of moduledata (runtime/symtab.go): pcHeader, six slices, findfunctab, minpc, maxpc, text, …
constexpr std::size_t kMinPc = 20, kMaxPc = 21, kText = 22;
// gofunc, by how many words stand between: Go 1.20 added covctrs and ecovctrs.
constexpr std::size_t kFunctions[] = {40, 38};

struct Word {
  std::uint64_t address, value;
};

std::vector<Word> relative_relocations(const ElfFile& file) {
  std::vector<Word> words;
  for (const ElfSection& section : file.sections()) {
    if (section.type != SHT_RELA) continue;
    const auto bytes = file.bytes(section);
    for (std::size_t at = 0; at + sizeof(Elf64_Rela) <= bytes.size(); at += sizeof(Elf64_Rela)) {
      const auto entry = read_at<Elf64_Rela>(bytes, at);
      if (ELF64_R_TYPE(entry.r_info) == file.architecture().relative) words.push_back({entry.r_offset, static_cast<std::uint64_t>(entry.r_addend)});
    }
  }
  std::sort(words.begin(), words.end(), [](const Word& a, const Word& b) { return a.address < b.address; });
  return words;
}

class Words {
 public:
  explicit Words(const ElfFile& file) : file_(file), relocated_(relative_relocations(file)) {}

  std::uint64_t at(std::uint64_t address) const {
    const auto found = std::lower_bound(relocated_.begin(), relocated_.end(), address, [](const Word& w, std::uint64_t a) { return w.address < a; });
    if (found != relocated_.end() && found->address == address) return found->value;
    std::uint64_t value = 0;
    return file_.read(address, std::as_writable_bytes(std::span(&value, 1))) ? value : 0;
  }
  const std::vector<Word>& relocated() const { return relocated_; }

 private:
  const ElfFile& file_;
  std::vector<Word> relocated_;
};

bool in_code(const ElfFile& file, std::uint64_t address) {
  return std::any_of(file.segments().begin(), file.segments().end(), [&](const ElfSegment& s) {
    return (s.flags & PF_X) && address >= s.address && address - s.address < s.memory_size;
  });
}

bool read_module(const ElfFile& file, const Words& words, std::uint64_t at, GoModule& module) {
  const auto word = [&](std::size_t index) { return words.at(at + index * 8); };
  if (!in_code(file, word(kText)) || word(kText) > word(kMinPc) || word(kMinPc) >= word(kMaxPc)) return false;
  module.text = word(kText);
  // rodata stands before gofunc, and gofunc points into it.
  for (const std::size_t index : kFunctions) {
    const std::uint64_t rodata = word(index - 1), functions = word(index);
    if (rodata != 0 && functions > rodata && functions - rodata < (std::uint64_t{1} << 30)) {
      module.functions = functions;
      break;
    }
  }
  return true;
}

}  // namespace

void relocate(const ElfFile& file, std::uint64_t address, std::span<std::byte> bytes) {
  for (const Word& word : relative_relocations(file)) {
    if (word.address < address || bytes.size() < 8 || word.address - address > bytes.size() - 8) continue;
    std::memcpy(bytes.data() + (word.address - address), &word.value, sizeof word.value);
  }
}

GoModule find_go_module(const ElfFile& file, std::uint64_t pclntab) {
  GoModule module;
  const Words words(file);
  for (const Word& word : words.relocated()) {
    if (word.value == pclntab && read_module(file, words, word.address, module)) return module;
  }
  for (const char* name : {".go.module", ".noptrdata", ".data", ".data.rel.ro"}) {
    const ElfSection* section = file.section(name);
    if (!section) continue;
    const auto bytes = file.bytes(*section);
    for (std::size_t at = 0; at + 8 <= bytes.size(); at += 8) {
      if (read_at<std::uint64_t>(bytes, at) != pclntab) continue;
      if (read_module(file, words, section->address + at, module)) return module;
    }
  }
  return module;
}

}  // namespace sampan

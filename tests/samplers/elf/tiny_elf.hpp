// An arm64 program of a few instructions, for tests: one segment of code from kTinyAddress on, its entry there, filled up with
// zeros to kTinyBytes, and symbols.
#pragma once

#include <elf.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <vector>

#include "samplers/elf/elf_file.hpp"

namespace sampan {

constexpr std::uint64_t kTinyAddress = 0x400000;
constexpr std::size_t kTinyBytes = 1024;

struct TinySymbol {
  const char* name;
  unsigned char type;             // STT_…
  std::uint64_t offset, size;     // in the code
};

inline std::shared_ptr<ElfFile> tiny_arm64(std::vector<std::uint32_t> code, const std::vector<TinySymbol>& symbols) {
  code.resize(kTinyBytes / 4);
  std::vector<std::byte> bytes(sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr));
  const auto append = [&bytes](const void* data, std::size_t size) {
    const std::size_t at = (bytes.size() + 15) & ~std::size_t{15};
    bytes.resize(at + size);
    std::memcpy(bytes.data() + at, data, size);
    return at;
  };
  std::string names(1, '\0');
  std::vector<Elf64_Sym> entries(1);
  for (const TinySymbol& s : symbols) {
    entries.push_back({static_cast<Elf64_Word>(names.size()), static_cast<unsigned char>(ELF64_ST_INFO(STB_LOCAL, s.type)), 0, 1, kTinyAddress + s.offset, s.size});
    names += std::string(s.name) + '\0';
  }
  const std::string sections("\0.text\0.symtab\0.strtab\0", 23);
  const std::size_t code_at = append(code.data(), code.size() * 4), symbols_at = append(entries.data(), entries.size() * sizeof(Elf64_Sym));
  const std::size_t names_at = append(names.data(), names.size()), sections_at = append(sections.data(), sections.size());
  Elf64_Shdr headers[5]{};
  headers[1] = {1, SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, kTinyAddress, code_at, code.size() * 4, 0, 0, 4, 0};
  headers[2] = {7, SHT_SYMTAB, 0, 0, symbols_at, entries.size() * sizeof(Elf64_Sym), 3, static_cast<Elf64_Word>(entries.size()), 8, sizeof(Elf64_Sym)};
  headers[3] = {15, SHT_STRTAB, 0, 0, names_at, names.size(), 0, 0, 1, 0};
  headers[4] = {15, SHT_STRTAB, 0, 0, sections_at, sections.size(), 0, 0, 1, 0};
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64, header.e_ident[EI_DATA] = ELFDATA2LSB, header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_EXEC, header.e_machine = EM_AARCH64, header.e_version = EV_CURRENT, header.e_entry = kTinyAddress;
  header.e_phoff = sizeof header, header.e_ehsize = sizeof header, header.e_phentsize = sizeof(Elf64_Phdr), header.e_phnum = 1;
  header.e_shoff = append(headers, sizeof headers), header.e_shentsize = sizeof(Elf64_Shdr), header.e_shnum = 5, header.e_shstrndx = 4;
  const Elf64_Phdr segment{PT_LOAD, PF_R | PF_X, code_at, kTinyAddress, kTinyAddress, code.size() * 4, code.size() * 4, 4};
  std::memcpy(bytes.data(), &header, sizeof header);
  std::memcpy(bytes.data() + sizeof header, &segment, sizeof segment);
  UniqueFd fd(memfd_create("tiny", MFD_CLOEXEC));
  EXPECT_EQ(write(fd.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  auto file = ElfFile::open(std::move(fd));
  return file ? *file : nullptr;
}

}  // namespace sampan

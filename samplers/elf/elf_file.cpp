#include "samplers/elf/elf_file.hpp"

#include <gelf.h>
#include <libelf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "samplers/base/log.hpp"
#include "samplers/elf/segment_sections.hpp"

namespace sampan {
namespace {

constexpr std::uint64_t kMostBytes = std::uint64_t{256} << 20;   // of one section
constexpr std::size_t kMostSections = 65'536;

const char kHex[] = "0123456789abcdef";

std::string hex(std::span<const unsigned char> bytes) {
  std::string text;
  for (unsigned char byte : bytes) text += {kHex[byte >> 4], kHex[byte & 15]};
  return text;
}

std::string find_build_id(Bytes notes) {
  Cursor cursor(notes);
  while (cursor) {
    const auto name_size = cursor.read<std::uint32_t>();
    const auto size = cursor.read<std::uint32_t>();
    const auto type = cursor.read<std::uint32_t>();
    const auto name = cursor.bytes((std::size_t{name_size} + 3) & ~std::size_t{3});
    const auto body = cursor.bytes((std::size_t{size} + 3) & ~std::size_t{3});
    if (cursor.bad()) break;
    if (type != NT_GNU_BUILD_ID || name_size != 4 || std::memcmp(name.data(), "GNU", 4) != 0 || size > 64) continue;
    return hex({reinterpret_cast<const unsigned char*>(body.data()), size});
  }
  return {};
}

Result<UniqueFd> open_mapping(const Process& process, const Mapping& mapping) {
  auto fd = open_target_file(process.root.get(), mapping.path, mapping.file);
  // A process in a chroot has its paths told from the agent's root where that holds them.
  if (!fd) fd = open_own_file(mapping.path, mapping.file);
  if (!fd) fd = open_mapped_file(process.id.pid, mapping.start, mapping.end, mapping.file);
  if (!fd) log_debug("{}", fd.error().message);
  return fd;
}

}  // namespace

Result<std::shared_ptr<ElfFile>> ElfFile::open(UniqueFd fd) {
  elf_version(EV_CURRENT);
  std::shared_ptr<ElfFile> file(new ElfFile);
  file->fd_ = std::move(fd);
  file->elf_ = elf_begin(file->fd_.get(), ELF_C_READ, nullptr);
  GElf_Ehdr header;
  if (!file->elf_ || elf_kind(file->elf_) != ELF_K_ELF || !gelf_getehdr(file->elf_, &header)) {
    return fail(Exit::CannotSample, "not an ELF file");
  }
  for (const sampan_architecture* known : {&sampan_x86_64, &sampan_aarch64}) {
    if (known->machine == header.e_machine) file->architecture_ = known;
  }
  file->entry_ = header.e_entry;
  std::vector<ProgramHeader> headers;
  std::size_t segments = 0;
  elf_getphdrnum(file->elf_, &segments);
  for (std::size_t i = 0; i < std::min<std::size_t>(segments, 4096); ++i) {
    GElf_Phdr p;
    if (!gelf_getphdr(file->elf_, static_cast<int>(i), &p)) continue;
    headers.push_back({p.p_type, {p.p_vaddr, p.p_offset, p.p_filesz, p.p_memsz, p.p_flags}});
    if (p.p_type == PT_LOAD) file->segments_.push_back(headers.back().segment);
  }
  file->read_sections();
  if (file->sections_.empty()) {
    file->sections_ = sections_of_segments(headers, [&](std::uint64_t address, std::span<std::byte> into) { return file->read(address, into); });
    file->headerless_ = true;
  }
  for (const ElfSection& note : file->sections_) {
    if (note.type == SHT_NOTE && file->build_id_.empty()) file->build_id_ = find_build_id(file->bytes(note));
  }
  return file;
}

void ElfFile::read_sections() {
  std::size_t names = 0;
  if (elf_getshdrstrndx(elf_, &names) != 0) return;
  for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf_, section)) != nullptr;) {
    GElf_Shdr s;
    if (!gelf_getshdr(section, &s) || sections_.size() >= kMostSections) continue;
    const char* name = elf_strptr(elf_, names, s.sh_name);
    sections_.push_back({name ? name : "", s.sh_addr, s.sh_offset, s.sh_size, s.sh_type});
  }
}

ElfFile::~ElfFile() {
  if (elf_) elf_end(elf_);
}

const ElfSection* ElfFile::section(std::string_view name) const {
  const auto found = std::find_if(sections_.begin(), sections_.end(), [&](const auto& s) { return s.name == name; });
  return found == sections_.end() ? nullptr : &*found;
}

void ElfFile::each_symbol(const std::function<void(const ElfSymbol&)>& visit) const {
  for (const GElf_Word wanted : {GElf_Word{SHT_SYMTAB}, GElf_Word{SHT_DYNSYM}}) {
    for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf_, section)) != nullptr;) {
      GElf_Shdr header;
      if (!gelf_getshdr(section, &header) || header.sh_type != wanted || header.sh_entsize == 0) continue;
      Elf_Data* data = header.sh_size <= kMostBytes ? elf_getdata(section, nullptr) : nullptr;
      if (!data) continue;
      const auto count = static_cast<int>(std::min<std::uint64_t>(data->d_size / header.sh_entsize, 1u << 27));
      for (int i = 0; i < count; ++i) {
        GElf_Sym symbol;
        if (!gelf_getsym(data, i, &symbol) || symbol.st_shndx == SHN_UNDEF) continue;
        const char* name = elf_strptr(elf_, header.sh_link, symbol.st_name);
        if (name && *name) visit({symbol.st_value, symbol.st_size, static_cast<std::uint8_t>(GELF_ST_TYPE(symbol.st_info)), name});
      }
      return;
    }
  }
  if (headerless_) each_loaded_symbol(visit);
}

void ElfFile::each_loaded_symbol(const std::function<void(const ElfSymbol&)>& visit) const {
  const ElfSection* table = section(".dynsym");
  const ElfSection* texts = section(".dynstr");
  if (!table || !texts) return;
  if (names_.empty()) names_ = bytes(*texts);
  const auto symbols = bytes(*table);
  for (std::size_t at = 0; at + sizeof(Elf64_Sym) <= symbols.size(); at += sizeof(Elf64_Sym)) {
    const auto symbol = read_at<Elf64_Sym>(symbols, at);
    if (symbol.st_shndx == SHN_UNDEF || symbol.st_name >= names_.size()) continue;
    const auto name = Cursor(Bytes(names_).subspan(symbol.st_name)).string();
    if (!name.empty()) visit({symbol.st_value, symbol.st_size, static_cast<std::uint8_t>(ELF64_ST_TYPE(symbol.st_info)), name});
  }
}

std::optional<ElfSymbol> ElfFile::symbol(std::string_view name) const {
  std::optional<ElfSymbol> found;
  each_symbol([&](const ElfSymbol& symbol) {
    if (!found && symbol.name == name) found = symbol;
  });
  return found;
}

std::vector<std::byte> ElfFile::bytes(const ElfSection& section) const {
  struct stat status {};
  if (section.type == SHT_NOBITS || fstat(fd_.get(), &status) != 0) return {};
  const auto file_size = static_cast<std::uint64_t>(status.st_size);
  if (section.size > kMostBytes || section.offset > file_size || file_size - section.offset < section.size) return {};
  std::vector<std::byte> bytes(section.size);
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = pread(fd_.get(), bytes.data() + done, bytes.size() - done, static_cast<off_t>(section.offset + done));
    if (got <= 0) return {};
    done += static_cast<std::size_t>(got);
  }
  return bytes;
}

bool ElfFile::read(std::uint64_t address, std::span<std::byte> into) const {
  for (const ElfSegment& s : segments_) {
    if (address < s.address || address - s.address >= s.file_size) continue;
    if (s.file_size - (address - s.address) < into.size()) return false;
    const auto offset = static_cast<off_t>(s.offset + (address - s.address));
    return pread(fd_.get(), into.data(), into.size(), offset) == static_cast<ssize_t>(into.size());
  }
  return false;
}

std::uint64_t ElfFile::bias(const Mapping& mapping) const {
  for (const ElfSegment& s : segments_) {
    const std::uint64_t page = s.offset & ~std::uint64_t{4095};
    if (mapping.offset < page || mapping.offset >= s.offset + std::max<std::uint64_t>(s.file_size, 1)) continue;
    const bool executable = (s.flags & PF_X) != 0;
    if (mapping.executable == executable) return mapping.start - mapping.offset + s.offset - s.address;
  }
  return mapping.start - mapping.offset;
}

std::shared_ptr<ElfFile> ElfCache::get(const Process& process, const Mapping& mapping) {
  if (mapping.file.inode == 0 || mapping.path.empty() || mapping.path[0] != '/') return nullptr;
  if (const auto known = certain_.find(mapping.file); known != certain_.end()) return known->second;
  auto fd = open_mapping(process, mapping);
  struct stat status {};
  if (!fd || fstat(fd->get(), &status) != 0) return nullptr;
  const auto changed_ns = static_cast<std::uint64_t>(status.st_ctim.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(status.st_ctim.tv_nsec);
  const Stamp stamp{mapping.file, status.st_dev, static_cast<std::uint64_t>(status.st_size), changed_ns};
  const auto [known, fresh] = opened_.try_emplace(stamp);
  if (!fresh) return known->second;
  if (auto file = ElfFile::open(std::move(*fd))) known->second = std::move(*file);
  if (known->second && mapping.file == FileId{status.st_dev, status.st_ino}) certain_[mapping.file] = known->second;
  return known->second;
}

}  // namespace sampan

#include "samplers/symbols/dwarf_package.hpp"

#include <elf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include "samplers/process/files.hpp"

namespace sampan {
namespace {

constexpr std::uint32_t kMostUnits = 1 << 18, kMostSlots = 1 << 20, kMostSections = 16;
constexpr std::uint32_t kMostBytes = 64 << 20;   // of one part of a unit
constexpr const char* kInfo = ".debug_info.dwo";
constexpr const char* kOffsets = ".debug_str_offsets.dwo";
constexpr const char* kStrings = ".debug_str.dwo";

// The parts of a unit that are wanted, by the number that the index gives them.
const char* part_name(std::uint32_t number, bool version_5) {
  switch (number) {
    case 1: return kInfo;
    case 3: return ".debug_abbrev.dwo";
    case 6: return kOffsets;
    case 8: return version_5 ? ".debug_rnglists.dwo" : nullptr;
    default: return nullptr;
  }
}

// Offsets of strings become those in a table of just these; false where they are damaged.
bool take_strings(std::vector<std::byte>& offsets, Bytes all, bool version_5, std::vector<std::byte>& strings) {
  constexpr std::size_t kHeader = 8;   // length, version, padding
  constexpr std::uint32_t kOf64Bits = 0xffffffff;
  if (version_5 && (offsets.size() < kHeader || read_at<std::uint32_t>(offsets, 0) == kOf64Bits)) return false;
  for (std::size_t at = version_5 ? kHeader : 0; at + 4 <= offsets.size(); at += 4) {
    const auto from = read_at<std::uint32_t>(offsets, at);
    if (from >= all.size()) return false;
    const auto end = std::find(all.begin() + from, all.end(), std::byte{0});
    const auto to = static_cast<std::uint32_t>(strings.size());
    std::memcpy(offsets.data() + at, &to, sizeof to);
    strings.insert(strings.end(), all.begin() + from, end);
    strings.push_back(std::byte{0});
    if (strings.size() > kMostBytes) return false;
  }
  return true;
}

// An ELF file of sections alone.
class SectionsFile {
 public:
  explicit SectionsFile(std::uint16_t machine) : out_(sizeof(Elf64_Ehdr)), headers_(1), machine_(machine) {}

  void add(const std::string& name, Bytes bytes, std::uint32_t type = SHT_PROGBITS) {
    Elf64_Shdr header{};
    header.sh_name = static_cast<Elf64_Word>(names_.size());
    header.sh_type = type;
    header.sh_offset = out_.size();
    header.sh_size = bytes.size();
    header.sh_addralign = 1;
    names_.append(name).push_back('\0');
    out_.insert(out_.end(), bytes.begin(), bytes.end());
    headers_.push_back(header);
  }

  UniqueFd write() {
    const std::string name = ".shstrtab";
    const std::string names = names_ + name + '\0';
    add(name, std::as_bytes(std::span(names.data(), names.size())), SHT_STRTAB);
    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = ET_REL;
    header.e_machine = machine_;
    header.e_version = EV_CURRENT;
    header.e_ehsize = sizeof header;
    header.e_shentsize = sizeof(Elf64_Shdr);
    header.e_shnum = static_cast<Elf64_Half>(headers_.size());
    header.e_shstrndx = static_cast<Elf64_Half>(headers_.size() - 1);
    header.e_shoff = out_.size();
    std::memcpy(out_.data(), &header, sizeof header);
    const auto table = std::as_bytes(std::span(headers_));
    out_.insert(out_.end(), table.begin(), table.end());
    UniqueFd fd(memfd_create("dwo", MFD_CLOEXEC));
    for (Bytes left = out_; fd && !left.empty();) {
      const ssize_t put = ::write(fd.get(), left.data(), left.size());
      if (put <= 0) return {};
      left = left.subspan(static_cast<std::size_t>(put));
    }
    return fd;
  }

 private:
  std::vector<std::byte> out_;
  std::vector<Elf64_Shdr> headers_;
  std::string names_ = std::string(1, '\0');
  std::uint16_t machine_;
};

}  // namespace

std::unique_ptr<DwarfPackage> DwarfPackage::beside(int root, const std::string& path) {
  auto fd = open_target_file(root, path + ".dwp");
  if (!fd) return nullptr;
  auto file = ElfFile::open(std::move(*fd));
  if (!file) return nullptr;
  std::unique_ptr<DwarfPackage> package(new DwarfPackage);
  package->file_ = std::move(*file);
  const ElfSection* strings = package->file_->section(kStrings);
  if (!strings || strings->size > kMostBytes || !package->read_index()) return nullptr;
  package->strings_ = package->file_->bytes(*strings);
  return package;
}

// Version, columns, units, slots; then the slots' ids and rows, the columns' numbers, and each row's offsets and sizes.
bool DwarfPackage::read_index() {
  const ElfSection* section = file_->section(".debug_cu_index");
  if (!section || section->size > kMostBytes) return false;
  index_ = file_->bytes(*section);
  Cursor cursor(index_);
  const auto version = cursor.read<std::uint32_t>() & 0xffff;
  columns_ = cursor.read<std::uint32_t>(), units_ = cursor.read<std::uint32_t>();
  const std::size_t slots = cursor.read<std::uint32_t>(), ids = 16, rows = ids + 8 * slots;
  version_5_ = version == 5;
  if (cursor.bad() || (version != 2 && version != 5) || columns_ > kMostSections || units_ > kMostUnits || slots > kMostSlots) return false;
  numbers_ = rows + 4 * slots;
  if (index_.size() < numbers_ + std::size_t{4} * columns_ * (1 + 2 * std::size_t{units_})) return false;
  for (std::size_t slot = 0; slot < slots; ++slot) {
    const auto row = read_at<std::uint32_t>(index_, rows + 4 * slot);
    if (row != 0 && row <= units_) rows_[read_at<std::uint64_t>(index_, ids + 8 * slot)] = row;
  }
  return !rows_.empty();
}

std::vector<DwarfPackage::Part> DwarfPackage::parts_of(std::uint64_t id) const {
  std::vector<Part> parts;
  const auto row = rows_.find(id);
  const std::size_t row_bytes = std::size_t{4} * columns_;
  for (std::size_t column = 0; row != rows_.end() && column < columns_; ++column) {
    const char* name = part_name(read_at<std::uint32_t>(index_, numbers_ + 4 * column), version_5_);
    const std::size_t at = numbers_ + row_bytes * row->second + 4 * column;
    if (name) parts.push_back({name, read_at<std::uint32_t>(index_, at), read_at<std::uint32_t>(index_, at + row_bytes * units_)});
  }
  return parts;
}

std::vector<std::byte> DwarfPackage::bytes_of(const Part& part) const {
  const ElfSection* section = file_->section(part.section);
  if (!section || part.offset > section->size || part.size > section->size - part.offset || part.size > kMostBytes) return {};
  std::vector<std::byte> bytes(part.size);
  const auto at = static_cast<off_t>(section->offset + part.offset);
  return pread(file_->fd(), bytes.data(), bytes.size(), at) == static_cast<ssize_t>(bytes.size()) ? bytes : std::vector<std::byte>();
}

UniqueFd DwarfPackage::unit(std::uint64_t id) const {
  const auto parts = parts_of(id);
  if (parts.empty()) return {};
  SectionsFile file(file_->architecture().machine);
  for (const Part& part : parts) {
    std::vector<std::byte> bytes = bytes_of(part), strings;
    if (part.section == kOffsets) {
      if (!take_strings(bytes, strings_, version_5_, strings)) return {};
      file.add(kStrings, strings);
    }
    file.add(part.section, bytes);
  }
  return file.write();
}

}  // namespace sampan

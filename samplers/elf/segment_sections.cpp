#include "samplers/elf/segment_sections.hpp"

#include <elf.h>

#include <algorithm>
#include <map>

namespace sampan {
namespace {

constexpr std::uint64_t kMostEntries = 1024;          // of PT_DYNAMIC
constexpr std::uint64_t kMostFdes = 4'000'000;
constexpr std::uint32_t kMostChain = 1 << 24;

class Finder {
 public:
  Finder(const std::vector<ProgramHeader>& headers, const std::function<bool(std::uint64_t, std::span<std::byte>)>& read)
      : headers_(headers), read_(read) {}

  std::vector<ElfSection> find() {
    for (const ProgramHeader& h : headers_) {
      const ElfSegment& s = h.segment;
      if (h.type == PT_NOTE) add(".note", s.address, s.file_size, SHT_NOTE);
      if (h.type == PT_DYNAMIC) add_dynamic(s);
      if (h.type == PT_GNU_EH_FRAME) add_unwind(s);
    }
    for (const ProgramHeader& h : headers_) {
      if (h.type != PT_LOAD) continue;
      const auto flags = h.segment.flags;
      add(flags & PF_X ? ".text" : flags & PF_W ? ".data" : ".rodata", h.segment.address, h.segment.file_size, SHT_PROGBITS);
    }
    return std::move(sections_);
  }

 private:
  template <typename T>
  T at(std::uint64_t address) const {
    T value{};
    return read_(address, std::as_writable_bytes(std::span(&value, 1))) ? value : T{};
  }

  const ElfSegment* segment_of(std::uint64_t address) const {
    for (const ProgramHeader& h : headers_) {
      if (h.type == PT_LOAD && address >= h.segment.address && address - h.segment.address < h.segment.file_size) return &h.segment;
    }
    return nullptr;
  }

  void add(const char* name, std::uint64_t address, std::uint64_t size, std::uint32_t type) {
    const ElfSegment* s = segment_of(address);
    if (!s || size == 0) return;
    const std::uint64_t offset = address - s->address;
    sections_.push_back({name, address, s->offset + offset, std::min(size, s->file_size - offset), type});
  }

  void add_dynamic(const ElfSegment& dynamic) {
    std::map<std::int64_t, std::uint64_t> entries;
    for (std::uint64_t i = 0; i < std::min(dynamic.file_size / sizeof(Elf64_Dyn), kMostEntries); ++i) {
      const auto entry = at<Elf64_Dyn>(dynamic.address + i * sizeof(Elf64_Dyn));
      if (entry.d_tag == DT_NULL) break;
      entries.emplace(entry.d_tag, entry.d_un.d_val);
    }
    const auto value = [&](std::int64_t tag) { return entries.contains(tag) ? entries[tag] : 0; };
    add(".dynsym", value(DT_SYMTAB), symbols(value(DT_HASH), value(DT_GNU_HASH)) * sizeof(Elf64_Sym), SHT_DYNSYM);
    add(".dynstr", value(DT_STRTAB), value(DT_STRSZ), SHT_STRTAB);
    add(".rela.dyn", value(DT_RELA), value(DT_RELASZ), SHT_RELA);
  }

  // How many dynamic symbols there are: only the hash tables tell.
  std::uint64_t symbols(std::uint64_t sysv, std::uint64_t gnu) const {
    if (sysv != 0) return std::min(at<std::uint32_t>(sysv + 4), kMostChain);
    if (gnu == 0) return 0;
    const auto buckets = std::min(at<std::uint32_t>(gnu), kMostChain), first = at<std::uint32_t>(gnu + 4), bloom = at<std::uint32_t>(gnu + 8);
    const std::uint64_t table = gnu + 16 + std::uint64_t{bloom} * 8;
    std::uint32_t last = 0;
    for (std::uint32_t i = 0; i < buckets; ++i) last = std::max(last, at<std::uint32_t>(table + std::uint64_t{i} * 4));
    if (last < first) return first;
    const std::uint64_t chain = table + std::uint64_t{buckets} * 4;
    while (last - first < kMostChain && segment_of(chain + std::uint64_t{last - first} * 4) && !(at<std::uint32_t>(chain + std::uint64_t{last - first} * 4) & 1)) ++last;
    return std::uint64_t{last} + 1;
  }

  // .eh_frame_hdr points to .eh_frame, and the last entry of its table tells where that ends (LSB, "Exception Frames").
  void add_unwind(const ElfSegment& header) {
    struct Head {
      std::uint8_t version, pointer, count, table;
      std::int32_t frame;
      std::uint32_t entries;
    };
    constexpr std::uint8_t kPcrel4 = 0x1b, kData4 = 0x03, kTable = 0x3b;   // what every linker writes
    const auto head = at<Head>(header.address);
    if (head.version != 1 || head.pointer != kPcrel4) return;
    const std::uint64_t frame = header.address + 4 + static_cast<std::uint64_t>(std::int64_t{head.frame});
    std::uint64_t end = 0;
    if (head.count == kData4 && head.table == kTable && head.entries <= kMostFdes) {
      std::vector<std::int32_t> table(std::size_t{head.entries} * 2);
      if (read_(header.address + sizeof head, std::as_writable_bytes(std::span(table)))) {
        for (std::size_t i = 1; i < table.size(); i += 2) {
          const std::uint64_t fde = header.address + static_cast<std::uint64_t>(std::int64_t{table[i]});
          end = std::max(end, fde + 4 + at<std::uint32_t>(fde));
        }
      }
    }
    const ElfSegment* s = segment_of(frame);
    if (s && end <= frame) end = s->address + s->file_size;
    add(".eh_frame", frame, end - frame, SHT_PROGBITS);
  }

  const std::vector<ProgramHeader>& headers_;
  const std::function<bool(std::uint64_t, std::span<std::byte>)>& read_;
  std::vector<ElfSection> sections_;
};

}  // namespace

std::vector<ElfSection> sections_of_segments(const std::vector<ProgramHeader>& headers,
                                             const std::function<bool(std::uint64_t, std::span<std::byte>)>& read) {
  return Finder(headers, read).find();
}

}  // namespace sampan

#include "samplers/unwind/address_space.hpp"

#include <elf.h>

#include <algorithm>
#include <bit>

namespace sampan {
namespace {

// MAP_HUGETLB memory bears a name that is no file of the target's.
bool anonymous(const Mapping& m) { return m.file.inode == 0 ? m.path.empty() || m.path.starts_with("[anon:") : m.path.starts_with("/anon_hugepage"); }

// Whether the file's executable segment holds these addresses of the process.
bool holds(const ElfFile& file, const Mapping& mapping, std::uint64_t bias) {
  return std::any_of(file.segments().begin(), file.segments().end(), [&](const ElfSegment& s) {
    const std::uint64_t start = (s.address & ~std::uint64_t{4095}) + bias, end = ((s.address + s.memory_size + 4095) & ~std::uint64_t{4095}) + bias;
    return (s.flags & PF_X) && mapping.start >= start && mapping.end <= end;
  });
}

}  // namespace

const Mapping& owner_of_code(const std::vector<Mapping>& maps, std::size_t index) {
  const Mapping& code = maps[index];
  if (!anonymous(code)) return code;
  std::size_t before = index, after = index;
  while (before > 0 && anonymous(maps[before])) --before;
  while (after + 1 < maps.size() && anonymous(maps[after])) ++after;
  const bool between = maps[before].file.inode != 0 && maps[before].file == maps[after].file;
  return between && !anonymous(maps[before]) ? maps[before] : code;
}

std::uint64_t address_bits(const sampan_architecture& architecture, std::uint64_t highest) {
  if (!architecture.link_register || highest == 0) return ~std::uint64_t{0};
  const auto width = std::bit_width(highest - 1);
  return (std::uint64_t{1} << (width > 48 ? 52 : width)) - 1;
}

AddressSpace::AddressSpace(const Process& process, ElfCache& elfs, UnwindCache& tables)
    : process_(process), elfs_(elfs), tables_(tables) {
  take(process.maps);
}

bool AddressSpace::refresh() {
  const auto maps = read_maps(process_.id.pid);
  return !maps.empty() && take(maps);
}

bool AddressSpace::take(const std::vector<Mapping>& maps) {
  if (!maps.empty()) address_bits_ = sampan::address_bits(sampan_native, maps.back().end);
  std::vector<std::size_t> code;
  for (std::size_t i = 0; i < maps.size(); ++i) {
    if (maps[i].executable && maps[i].path != "[vsyscall]") code.push_back(i);
  }
  const auto same = [&](std::size_t i, const CodeRegion& r) {
    const Mapping& m = maps[i];
    return m.start == r.start && m.end == r.end && m.file == r.mapped_file && m.offset == r.offset && m.path == r.mapped;
  };
  if (std::equal(code.begin(), code.end(), regions_.begin(), regions_.end(), same)) return false;
  std::vector<CodeRegion> regions;
  regions.reserve(code.size());
  for (const std::size_t i : code) {
    const CodeRegion* known = find(maps[i].start);   // a file that was opened for this process stays what it is
    regions.push_back(known && known->file && known->mapped_file.inode != 0 && same(i, *known) ? *known : region_of(maps, i));
  }
  regions_ = std::move(regions);
  ++generation_;
  return true;
}

CodeRegion AddressSpace::region_of(const std::vector<Mapping>& maps, std::size_t index) {
  const Mapping& m = maps[index];
  const Mapping& owner = owner_of_code(maps, index);
  CodeRegion region{m.start, m.end, 0, m.path, m.path, m.file, m.offset, nullptr, nullptr};
  region.file = m.path == "[vdso]" ? tables_.vdso(process_, m) : elfs_.get(process_, owner);
  if (!region.file) return region;
  region.bias = region.file->bias(owner);
  if (&owner != &m) {
    if (!holds(*region.file, m, region.bias)) return region.file = nullptr, region.bias = 0, region;
    region.path = owner.path;
  }
  region.table = tables_.get(region.file);
  return region;
}

const CodeRegion* AddressSpace::find(std::uint64_t address) const {
  const auto after = std::upper_bound(regions_.begin(), regions_.end(), address, [](std::uint64_t a, const CodeRegion& r) { return a < r.start; });
  if (after == regions_.begin()) return nullptr;
  const CodeRegion& region = *std::prev(after);
  return address < region.end ? &region : nullptr;
}

}  // namespace sampan

#include "samplers/unwind/address_space.hpp"

#include <algorithm>
#include <bit>

namespace sampan {

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
  std::vector<const Mapping*> code;
  for (const Mapping& m : maps) {
    if (m.executable && m.path != "[vsyscall]") code.push_back(&m);
  }
  const auto same = [](const Mapping* m, const CodeRegion& r) { return m->start == r.start && m->end == r.end && m->path == r.path; };
  if (std::equal(code.begin(), code.end(), regions_.begin(), regions_.end(), same)) return false;
  std::vector<CodeRegion> regions;
  regions.reserve(code.size());
  for (const Mapping* m : code) {
    CodeRegion region{m->start, m->end, 0, m->path, nullptr, nullptr};
    region.file = m->path == "[vdso]" ? tables_.vdso(process_, *m) : elfs_.get(process_, *m);
    if (region.file) {
      region.bias = region.file->bias(*m);
      region.table = tables_.get(region.file);
    }
    regions.push_back(std::move(region));
  }
  regions_ = std::move(regions);
  ++generation_;
  return true;
}

const CodeRegion* AddressSpace::find(std::uint64_t address) const {
  const auto after = std::upper_bound(regions_.begin(), regions_.end(), address, [](std::uint64_t a, const CodeRegion& r) { return a < r.start; });
  if (after == regions_.begin()) return nullptr;
  const CodeRegion& region = *std::prev(after);
  return address < region.end ? &region : nullptr;
}

}  // namespace sampan

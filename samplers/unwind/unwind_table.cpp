#include "samplers/unwind/unwind_table.hpp"

#include <sys/mman.h>

#include <algorithm>

#include "samplers/unwind/derived_rows.hpp"
#include "samplers/unwind/go_rows.hpp"
#include "samplers/unwind/linker_rows.hpp"

namespace sampan {
namespace {

constexpr std::uint64_t kMostVdso = 1 << 20;
Cfi compile_section(const ElfFile& file, const char* name, std::uint64_t base, bool debug_frame) {
  const ElfSection* section = file.section(name);
  if (!section) return {};
  const auto bytes = file.bytes(*section);
  return compile_cfi({bytes, section->address, debug_frame, file.architecture()}, base);
}

std::uint64_t lowest_address(const ElfFile& file) {
  std::uint64_t lowest = ~std::uint64_t{0};
  for (const ElfSegment& segment : file.segments()) lowest = std::min(lowest, segment.address);
  return file.segments().empty() ? 0 : lowest & ~std::uint64_t{4095};
}

void merge_functions(std::vector<std::uint32_t>& into, const std::vector<std::uint32_t>& more) {
  if (more.empty()) return;
  into.insert(into.end(), more.begin(), more.end());
  std::sort(into.begin(), into.end());
  into.erase(std::unique(into.begin(), into.end()), into.end());
}

void add_derived(const ElfFile& file, UnwindTable& table) {
  const DerivedRows derived = derive_rows(file, table.rows, table.functions, table.base);
  if (derived.rows.empty()) return;
  table.rows = overlay_rows(table.rows, derived.rows);
  merge_functions(table.functions, derived.functions);
}

UnwindTable build_rows(const ElfFile& file) {
  UnwindTable table;
  table.base = lowest_address(file);
  Cfi cfi = compile_section(file, ".eh_frame", table.base, false);
  table.rows = std::move(cfi.rows);
  table.functions = std::move(cfi.functions);
  table.unknown = cfi.unknown;
  if (const auto go = GoPclntab::open(file)) {
    table.go = true;
    table.rows = overlay_rows(compile_go_rows(*go, &file, table.base, file.architecture()), table.rows);
    std::vector<std::uint32_t> starts;
    for (const GoFunction& f : go->functions()) {
      if (f.start >= table.base && f.start - table.base < UINT32_MAX) starts.push_back(static_cast<std::uint32_t>(f.start - table.base));
    }
    merge_functions(table.functions, starts);
    return table;
  }
  Cfi debug = compile_section(file, ".debug_frame", table.base, true);
  if (!debug.rows.empty()) {
    table.rows = table.rows.empty() ? std::move(debug.rows) : overlay_rows(table.rows, debug.rows);
    merge_functions(table.functions, debug.functions);
  }
  add_derived(file, table);
  return table;
}

}  // namespace

std::uint64_t UnwindTable::function_start(std::uint64_t address) const {
  if (address < base) return 0;
  const auto after = std::upper_bound(functions.begin(), functions.end(), address - base);
  if (after == functions.begin()) return 0;
  const std::uint32_t start = *std::prev(after);
  // Between the last row of that function and the next one lies code that nothing describes.
  const sampan_row* row = find_row(rows, address - base);
  if (row && row->kind == SAMPAN_ROW_NONE && row->pc > start) return 0;
  return base + start;
}

UnwindTable build_unwind_table(const ElfFile& file) {
  UnwindTable table = build_rows(file);
  if (file.architecture().link_register) table.rows = overlay_rows(table.rows, linker_rows(file, table.base));
  return table;
}

std::shared_ptr<const UnwindTable> UnwindCache::get(const std::shared_ptr<ElfFile>& file) {
  auto& table = tables_[file.get()];
  if (!table) {
    table = std::make_shared<const UnwindTable>(build_unwind_table(*file));
    kept_.push_back(file);
  }
  return table;
}

std::shared_ptr<ElfFile> UnwindCache::vdso(const Process& process, const Mapping& mapping) {
  const std::uint64_t size = mapping.end - mapping.start;
  if (size > kMostVdso) return nullptr;
  std::vector<std::byte> bytes(size);
  if (!process.memory->read(mapping.start, bytes)) return nullptr;
  const auto [known, fresh] = vdsos_.try_emplace(bytes);
  if (!fresh) return known->second;
  UniqueFd fd(memfd_create("vdso", MFD_CLOEXEC));
  if (!fd || write(fd.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) return nullptr;
  if (auto file = ElfFile::open(std::move(fd))) known->second = std::move(*file);
  return known->second;
}

}  // namespace sampan

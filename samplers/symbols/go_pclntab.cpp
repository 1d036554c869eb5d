#include "samplers/symbols/go_pclntab.hpp"

#include <algorithm>

#include "samplers/symbols/go_moduledata.hpp"

namespace sampan {

// One row a format. Offsets are into _func (runtime/runtime2.go); 0 where the format has none.
struct GoLayout {
  std::uint32_t magic;
  bool header_offsets;          // the header names its parts by offset
  bool relative;                // entries are 32-bit offsets from runtime.text, and text stands in the header
  std::uint32_t entry_size;     // of the entry field in _func
  std::uint32_t name, pcsp, pcfile, pcline, npcdata, unit, id, nfuncdata, end;
  std::uint32_t call_size, call_name, call_parent;   // runtime.inlinedCall; 0: not read
};

namespace {

constexpr std::uint64_t kMostFunctions = 4'000'000;
constexpr int kMostInlined = 64;
constexpr std::size_t kTextStart = 8 + 2 * 8;   // in the header of Go 1.18 to 1.25
constexpr std::uint32_t kPcdataInlineTree = 2, kFuncdataInlineTree = 3;   // internal/abi/symtab.go

}  // namespace

static constexpr GoLayout kLayouts[] = {
    {0xfffffffb, false, false, 8, 8, 20, 24, 28, 32, 0, 36, 39, 40, 0, 0, 0},
    {0xfffffffa, true, false, 8, 8, 20, 24, 28, 32, 36, 40, 43, 44, 0, 0, 0},
    {0xfffffff0, true, true, 4, 4, 16, 20, 24, 28, 32, 36, 39, 40, 20, 12, 16},
    {0xfffffff1, true, true, 4, 4, 16, 20, 24, 28, 32, 40, 43, 44, 16, 4, 8},
};

static bool header_at(Bytes bytes, std::size_t at) {
  const auto magic = read_at<std::uint32_t>(bytes, at);
  return std::any_of(std::begin(kLayouts), std::end(kLayouts), [&](const GoLayout& l) { return l.magic == magic; }) &&
         read_at<std::uint16_t>(bytes, at + 4) == 0 && read_at<std::uint8_t>(bytes, at + 7) == 8;
}

bool GoPclntab::Table::next(std::int32_t& out, std::uint64_t& from, std::uint64_t& to) {
  if (cursor.bad() || pc >= size) return false;
  const auto delta = static_cast<std::uint32_t>(cursor.uleb128());
  if (delta == 0 && !first) return false;
  first = false;
  value = static_cast<std::int32_t>(static_cast<std::uint32_t>(value) + ((delta >> 1) ^ (0u - (delta & 1))));
  const std::uint64_t step = static_cast<std::uint32_t>(cursor.uleb128()) * quantum;
  if (cursor.bad() || step == 0) return false;
  from = pc;
  to = pc += step;
  out = value;
  return true;
}

bool GoPclntab::is_go(const ElfFile& file) {
  if (file.section(".gopclntab") || file.section(".data.rel.ro.gopclntab") || file.section(".go.buildinfo")) return true;
  // Without section headers: what stands at the start of .go.buildinfo (debug/buildinfo).
  static constexpr std::string_view kMark = "\xff Go buildinf:";
  const ElfSection* data = file.headerless() ? file.section(".data") : nullptr;
  if (!data) return false;
  const auto bytes = file.bytes(*data);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return text.find(kMark) != std::string_view::npos;
}

std::unique_ptr<GoPclntab> GoPclntab::open(const ElfFile& file) {
  if (!is_go(file)) return nullptr;
  for (const char* name : {".gopclntab", ".data.rel.ro.gopclntab"}) {
    if (const ElfSection* section = file.section(name)) return at(file, section->address, file.bytes(*section));
  }
  // An outer linker leaves the table somewhere in a section of its own; its header tells it.
  for (const ElfSection& section : file.sections()) {
    if (section.name != ".data.rel.ro" && section.name != ".rodata" && section.name != ".data") continue;
    const auto bytes = file.bytes(section);
    for (std::size_t from = (8 - section.address % 8) % 8; from + 8 <= bytes.size(); from += 8) {
      if (!header_at(bytes, from)) continue;
      if (auto table = at(file, section.address + from, {bytes.begin() + static_cast<std::ptrdiff_t>(from), bytes.end()})) return table;
    }
  }
  return nullptr;
}

// The table at an address; its bytes may go on behind its end.
std::unique_ptr<GoPclntab> GoPclntab::at(const ElfFile& file, std::uint64_t address, std::vector<std::byte> bytes) {
  relocate(file, address, bytes);
  const GoModule module = find_go_module(file, address);
  const ElfSection* text = file.section(".text");
  std::uint64_t start = module.text;
  if (start == 0) start = read_at<std::uint64_t>(bytes, kTextStart);
  if (start == 0 && text) start = text->address;
  auto table = parse(std::move(bytes), start);
  if (table && module.functions != 0) {
    for (const ElfSection& holder : file.sections()) {
      if (module.functions < holder.address || module.functions - holder.address >= holder.size) continue;
      table->trees_ = file.bytes(holder);
      table->trees_offset_ = module.functions - holder.address;
    }
  }
  return table;
}

std::unique_ptr<GoPclntab> GoPclntab::parse(std::vector<std::byte> bytes, std::uint64_t text) {
  std::unique_ptr<GoPclntab> table(new GoPclntab);
  table->bytes_ = std::move(bytes);
  table->text_ = text;
  if (!table->read_header() || !table->read_functions()) return nullptr;
  return table;
}

bool GoPclntab::read_header() {
  const auto magic = read_at<std::uint32_t>(bytes_, 0);
  const auto known = std::find_if(std::begin(kLayouts), std::end(kLayouts), [&](const GoLayout& l) { return l.magic == magic; });
  quantum_ = read_at<std::uint8_t>(bytes_, 6);
  if (known == std::end(kLayouts) || read_at<std::uint8_t>(bytes_, 7) != 8 || (quantum_ != 1 && quantum_ != 2 && quantum_ != 4)) return false;
  layout_ = &*known;
  const auto word = [&](std::size_t index) { return read_at<std::uint64_t>(bytes_, 8 + index * 8); };
  count_ = word(0);
  if (layout_->header_offsets) {
    const std::size_t first = layout_->relative ? 3 : 2;   // nfunc, nfiles, [textStart]
    names_ = word(first);
    units_ = word(first + 1);
    files_ = word(first + 2);
    tables_ = word(first + 3);
    records_ = word(first + 4);
  }
  const std::uint64_t most = bytes_.size();
  return count_ <= kMostFunctions && names_ < most && units_ < most && files_ < most && tables_ < most && records_ < most;
}

bool GoPclntab::read_functions() {
  const std::size_t field = layout_->relative ? 4 : 8;
  const std::size_t index = layout_->header_offsets ? records_ : 16;
  if (bytes_.size() < index || (bytes_.size() - index) / field < count_ * 2 + 1) return false;
  const auto read = [&](std::size_t at) -> std::uint64_t {
    return layout_->relative ? read_at<std::uint32_t>(bytes_, index + at * 4) : read_at<std::uint64_t>(bytes_, index + at * 8);
  };
  const std::uint64_t base = layout_->relative ? text_ : 0;
  functions_.reserve(count_);
  for (std::uint64_t i = 0; i < count_; ++i) {
    GoFunction f{base + read(2 * i), base + read(2 * i + 2), records_ + read(2 * i + 1), 0, 0};
    if (f.start >= f.end || f.record > bytes_.size() || (!functions_.empty() && f.start < functions_.back().end)) continue;
    f.id = read_at<std::uint8_t>(bytes_, f.record + layout_->id);
    if (layout_->unit != 0) f.flags = read_at<std::uint8_t>(bytes_, f.record + layout_->id + 1);
    functions_.push_back(f);
  }
  return !functions_.empty();
}

const GoFunction* GoPclntab::find(std::uint64_t address) const {
  const auto after = std::upper_bound(functions_.begin(), functions_.end(), address, [](std::uint64_t a, const GoFunction& f) { return a < f.start; });
  if (after == functions_.begin()) return nullptr;
  const GoFunction& found = *std::prev(after);
  return address < found.end ? &found : nullptr;
}

std::string_view GoPclntab::text_at(std::uint64_t base, std::uint64_t offset) const {
  constexpr std::size_t kMostText = 4096;
  if (offset > bytes_.size() || base + offset >= bytes_.size()) return {};
  Cursor cursor(Bytes(bytes_).subspan(base + offset));
  return cursor.string().substr(0, kMostText);
}

std::string_view GoPclntab::name(const GoFunction& function) const {
  return text_at(names_, read_at<std::uint32_t>(bytes_, function.record + layout_->name));
}

GoPclntab::Table GoPclntab::table_from(const GoFunction& function, std::uint32_t offset) const {
  const std::uint64_t at = tables_ + offset;
  const Bytes rest = offset == 0 || at > bytes_.size() ? Bytes{} : Bytes(bytes_).subspan(at);
  return {Cursor(rest), function.end - function.start, quantum_};
}

GoPclntab::Table GoPclntab::table_at(const GoFunction& function, Field field) const {
  const std::uint32_t at = field == Field::Pcsp ? layout_->pcsp : field == Field::Pcfile ? layout_->pcfile : layout_->pcline;
  return table_from(function, read_at<std::uint32_t>(bytes_, function.record + at));
}

std::int32_t GoPclntab::value_at(Table table, std::uint64_t offset) const {
  std::uint64_t from = 0, to = 0;
  std::int32_t value = 0;
  while (table.next(value, from, to)) {
    if (offset < to) return value;
  }
  return -1;
}

void GoPclntab::locate(const GoFunction& function, std::uint64_t offset, GoPlace& place) const {
  const std::int32_t line = value_at(table_at(function, Field::Pcline), offset);
  const std::int32_t file = value_at(table_at(function, Field::Pcfile), offset);
  if (line > 0) place.line = static_cast<std::uint32_t>(line);
  if (file < 0 || layout_->unit == 0) return;
  const auto unit = read_at<std::uint32_t>(bytes_, function.record + layout_->unit);
  const auto at = read_at<std::uint32_t>(bytes_, units_ + (std::uint64_t{unit} + static_cast<std::uint32_t>(file)) * 4);
  if (at != 0xffffffff) place.file = text_at(files_, at);
}

std::int32_t GoPclntab::inline_index(const GoFunction& function, std::uint64_t offset) const {
  const auto count = read_at<std::uint32_t>(bytes_, function.record + layout_->npcdata);
  if (layout_->call_size == 0 || trees_.empty() || count <= kPcdataInlineTree) return -1;
  const auto at = read_at<std::uint32_t>(bytes_, function.record + layout_->end + kPcdataInlineTree * 4);
  return value_at(table_from(function, at), offset);
}

bool GoPclntab::inlined_call(const GoFunction& function, std::int32_t index, std::uint32_t& name, std::int32_t& parent) const {
  const auto pcdata = read_at<std::uint32_t>(bytes_, function.record + layout_->npcdata);
  const auto funcdata = read_at<std::uint8_t>(bytes_, function.record + layout_->nfuncdata);
  if (index < 0 || funcdata <= kFuncdataInlineTree) return false;
  const auto tree = read_at<std::uint32_t>(bytes_, function.record + layout_->end + (std::uint64_t{pcdata} + kFuncdataInlineTree) * 4);
  if (tree == 0xffffffff) return false;
  const std::uint64_t call = trees_offset_ + tree + static_cast<std::uint32_t>(index) * std::uint64_t{layout_->call_size};
  if (call + layout_->call_size > trees_.size()) return false;
  name = read_at<std::uint32_t>(trees_, call + layout_->call_name);
  parent = read_at<std::int32_t>(trees_, call + layout_->call_parent);
  return true;
}

std::vector<GoPlace> GoPclntab::places(std::uint64_t address) const {
  std::vector<GoPlace> places;
  const GoFunction* function = find(address);
  if (!function) return places;
  std::uint64_t offset = address - function->start;
  for (int depth = 0; depth < kMostInlined; ++depth) {
    std::uint32_t name_offset = 0;
    std::int32_t parent = 0;
    if (!inlined_call(*function, inline_index(*function, offset), name_offset, parent) || parent < 0) break;
    GoPlace place{std::string(text_at(names_, name_offset)), {}, 0};
    locate(*function, offset, place);
    places.push_back(std::move(place));
    offset = static_cast<std::uint64_t>(parent);
  }
  GoPlace place{std::string(name(*function)), {}, 0};
  locate(*function, offset, place);
  places.push_back(std::move(place));
  std::reverse(places.begin(), places.end());
  return places;
}

}  // namespace sampan

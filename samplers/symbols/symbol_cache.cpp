#include "samplers/symbols/symbol_cache.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "samplers/base/log.hpp"
#include "samplers/symbols/demangle.hpp"
#include "samplers/symbols/go_pclntab.hpp"
#include "samplers/symbols/inlines.hpp"

namespace sampan {

struct SymbolCache::PerFile {
  std::shared_ptr<ElfFile> file;   // kept, so that its address is not reused
  SymbolTable symbols;
  std::unique_ptr<GoPclntab> go;
  std::shared_ptr<ElfFile> debug;  // of which inlined calls are not known yet
  std::unique_ptr<Inlines> inlines;
};

namespace {

constexpr std::uint64_t kMostInlinesNs = 10'000'000'000;   // of processor time, for all files of a run

// What starts a program or a thread stands in each stack, and nothing of interest is inlined there: not worth opening
// libc's debug information, which takes longer than all else of a short run.
constexpr std::string_view kStarts[] = {"_start", "__libc_start_main", "__libc_start_main_impl", "__libc_start_call_main",
                                        "generic_start_main", "start_thread", "clone", "__clone", "clone3", "__clone3"};

bool is_start(std::string_view symbol) {
  symbol = symbol.substr(0, symbol.find('@'));
  return std::find(std::begin(kStarts), std::end(kStarts), symbol) != std::end(kStarts);
}

// The best source of names first.
std::vector<std::shared_ptr<ElfFile>> sources_of(const FileOrigin& origin) {
  std::vector<std::shared_ptr<ElfFile>> files{origin.file};
  // A whole .symtab needs no help; .dynsym alone names exported functions only.
  if (!origin.file->section(".symtab")) {
    if (auto debug = open_debug_file(*origin.file, origin.root, origin.path)) files.insert(files.begin(), std::move(debug));
    else if (auto small = open_minidebug(*origin.file)) files.push_back(std::move(small));
  }
  return files;
}

// `lib.so!.plt` for stubs, `lib.so!0x1234` by the function's start where that is known.
CodeName by_place(const FileOrigin& origin, std::uint64_t address) {
  CodeName name;
  name.file = origin.path;
  name.known = false;
  for (const ElfSection& section : origin.file->sections()) {
    if (!section.name.starts_with(".plt") || address < section.address || address - section.address >= section.size) continue;
    name.name = fmt::format("{}!{}", base_name(origin.path), section.name);
    name.address = section.address;
    name.known = true;
    return name;
  }
  const std::uint64_t start = origin.table ? origin.table->function_start(address) : 0;
  name.address = start != 0 ? start : address;
  name.name = fmt::format("{}!0x{:x}", base_name(origin.path), name.address);
  return name;
}

bool append_go(const GoPclntab& table, std::uint64_t address, std::vector<CodeName>& out) {
  auto places = table.places(address);
  for (GoPlace& place : places) out.push_back({FrameKind::Go, std::move(place.name), std::move(place.file), place.line, 0, true});
  return !places.empty();
}

}  // namespace

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

SymbolCache::SymbolCache() = default;
SymbolCache::~SymbolCache() = default;

SymbolCache::PerFile& SymbolCache::of(const FileOrigin& origin) {
  auto& entry = files_[origin.file.get()];
  if (!entry) {
    auto sources = sources_of(origin);
    entry = std::make_unique<PerFile>(PerFile{origin.file, SymbolTable(sources), nullptr, nullptr, nullptr});
    if (origin.table && origin.table->go) entry->go = GoPclntab::open(*origin.file);
    else entry->debug = sources.front();
  }
  return *entry;
}

std::uint64_t SymbolCache::spent_on_inlines() const {
  std::uint64_t sum = 0;
  for (const auto& [file, entry] : files_) sum += entry && entry->inlines ? entry->inlines->spent_ns() : 0;
  return sum;
}

Inlines* SymbolCache::inlines_of(PerFile& file, const FileOrigin& origin) const {
  if (const auto debug = std::move(file.debug); debug && spent_on_inlines() < kMostInlinesNs) file.inlines = Inlines::open(debug, origin.root, origin.path);
  return file.inlines.get();
}

void SymbolCache::resolve(const FileOrigin& origin, std::uint64_t address, std::vector<CodeName>& out) {
  PerFile& file = of(origin);
  if (file.go && append_go(*file.go, address, out)) return;
  const FunctionSymbol* symbol = file.symbols.find(address);
  if (symbol && symbol->size == 0 && origin.table) {
    // A symbol without a size ends where the unwind table says that another function starts.
    if (origin.table->function_start(address) > symbol->address) symbol = nullptr;
  }
  if (!symbol) {
    out.push_back(by_place(origin, address));
    return;
  }
  CodeName name;
  name.name = demangle(symbol->name);
  name.ending = variant_of(symbol->name);
  name.file = origin.path;
  name.address = symbol->address;
  out.push_back(std::move(name));
  Inlines* const inlines = is_start(symbol->name) ? nullptr : inlines_of(file, origin);
  if (!inlines) return;
  const bool had_time = !inlines->exhausted();
  for (const InlinedCall& call : inlines->at(address, origin.root)) {
    out.push_back({FrameKind::Native, demangle(call.name), origin.path, 0, 0, true});
  }
  if (had_time && inlines->exhausted()) log_warning("inlined calls of {} are left out from here on: they take too long to find", origin.path);
}

CodeName SymbolCache::kernel(std::uint64_t address) const {
  CodeName name;
  name.kind = FrameKind::Kernel;
  name.name = kernel_ ? kernel_(address) : std::string();
  if (const auto module = name.name.find(" ["); module != std::string::npos) {
    name.file = name.name.substr(module + 1);
    name.name.resize(module);
  }
  name.ending = variant_of(name.name);
  name.name.resize(without_variant(name.name).size());
  if (name.name.empty()) name.name = "[kernel]";
  if (name.file.empty()) name.file = "[kernel]";
  return name;
}

}  // namespace sampan

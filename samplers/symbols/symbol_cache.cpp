#include "samplers/symbols/symbol_cache.hpp"

#include <fmt/format.h>

#include "samplers/symbols/demangle.hpp"

namespace sampan {

struct SymbolCache::PerFile {
  std::shared_ptr<ElfFile> file;   // kept, so that its address is not reused
  SymbolTable symbols;
};

namespace {

SymbolTable read_symbols(const FileOrigin& origin) {
  std::vector<std::shared_ptr<ElfFile>> files{origin.file};
  // A whole .symtab needs no help; .dynsym alone names exported functions only.
  if (!origin.file->section(".symtab")) {
    if (auto debug = open_debug_file(*origin.file, origin.root, origin.path)) files.insert(files.begin(), std::move(debug));
    else if (auto small = open_minidebug(*origin.file)) files.push_back(std::move(small));
  }
  return SymbolTable(std::move(files));
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

}  // namespace

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

SymbolCache::SymbolCache() = default;
SymbolCache::~SymbolCache() = default;

SymbolCache::PerFile& SymbolCache::of(const FileOrigin& origin) {
  auto& entry = files_[origin.file.get()];
  if (!entry) entry = std::make_unique<PerFile>(PerFile{origin.file, read_symbols(origin)});
  return *entry;
}

void SymbolCache::resolve(const FileOrigin& origin, std::uint64_t address, std::vector<CodeName>& out) {
  PerFile& file = of(origin);
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
  name.file = origin.path;
  name.address = symbol->address;
  out.push_back(std::move(name));
}

CodeName SymbolCache::kernel(std::uint64_t address) {
  KernelName found = kernel_.name(address);
  CodeName name;
  name.kind = FrameKind::Kernel;
  name.name = std::move(found.name);
  name.file = std::move(found.module);
  return name;
}

}  // namespace sampan

#include "samplers/python/find.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include "samplers/elf/dynamic.hpp"

namespace sampan::python {
namespace {

constexpr std::uint64_t kMostScanned = 64u << 20;

// A mapped file that defines the runtime.
struct Module {
  const Mapping* mapping;
  DynamicSymbols symbols;
};

// Every file whose first page is mapped, looked at once.
template <typename Visit>
bool any_module(const Process& process, Visit visit) {
  for (const Mapping& mapping : process.maps) {
    if (mapping.offset != 0 || !mapping.readable || mapping.file.inode == 0) continue;
    const auto symbols = DynamicSymbols::open(*process.memory, mapping.start);
    if (symbols && visit(Module{&mapping, *symbols})) return true;
  }
  return false;
}

bool defines_runtime(const DynamicSymbols& symbols) {
  return symbols.find("_PyRuntime") || symbols.find("_PyThreadState_Current");
}

// The functions that a version added and every later one kept, newest first.
struct Landmark {
  std::uint32_t version;
  const char* symbol;
};
constexpr Landmark kLandmarks[] = {
    {version(3, 10), "PyModule_AddObjectRef"},
    {version(3, 9), "PyFrame_GetCode"},
    {version(3, 8), "PyCode_NewWithPosOnlyArgs"},
    {version(3, 7), "_PyRuntime"},
    {version(3, 6), "PyOS_FSPath"},
    {version(3, 5), "PyMem_RawCalloc"},
    {version(3, 0), "PyModule_Create2"},
    {version(2, 7), "PyCapsule_New"},
};

std::uint32_t find_version(Memory& memory, const DynamicSymbols& symbols) {
  // 3.11 and newer say it: `const unsigned long Py_Version = PY_VERSION_HEX`.
  if (const auto hex = symbols.find("Py_Version")) return memory.read_as<std::uint32_t>(hex->address) >> 16;
  for (const Landmark& mark : kLandmarks) {
    if (symbols.find(mark.symbol)) return mark.version;
  }
  return version(2, 0);
}

// The list closes: interpreter -> its newest thread state -> the same interpreter.
bool closes(Memory& memory, const Offsets& o, std::uint64_t interp) {
  if (interp < 4096 || interp % 8 != 0) return false;
  const auto tstate = memory.read_as<std::uint64_t>(interp + o.interp_threads_head);
  return tstate >= 4096 && tstate % 8 == 0 && memory.read_as<std::uint64_t>(tstate + o.tstate_interp) == interp;
}

unsigned list_length(Memory& memory, const Offsets& o, std::uint64_t interp) {
  unsigned length = 0;
  for (; length < 64 && closes(memory, o, interp); ++length) interp = memory.read_as<std::uint64_t>(interp + o.interp_next);
  return length;
}

// The writable memory that belongs to a file: its own mappings and the anonymous one right behind them (.bss).
std::vector<const Mapping*> writable(const Process& process, const Mapping& file) {
  std::vector<const Mapping*> found;
  const Mapping* before = nullptr;
  for (const Mapping& m : process.maps) {
    const bool own = m.file.inode != 0 && m.file == file.file;
    const bool behind = m.path.empty() && before && before->end == m.start && before->file == file.file;
    if (m.writable && (own || behind)) found.push_back(&m);
    before = own ? &m : nullptr;
  }
  return found;
}

std::vector<std::uint64_t> words_of(Memory& memory, const Mapping& m) {
  std::vector<std::uint64_t> words(std::min(m.end - m.start, kMostScanned) / 8);
  if (!memory.read(m.start, std::as_writable_bytes(std::span(words)))) words.clear();
  return words;
}

// Up to 3.6 the list's head is a static variable: named in .symtab, else the word that starts the longest list.
std::uint64_t find_interp_head(const Process& process, ElfCache& elfs, const Module& module, const Offsets& o) {
  if (const auto file = elfs.get(process, *module.mapping)) {
    if (const auto symbol = file->symbol("interp_head")) return module.symbols.bias() + symbol->address;
  }
  std::uint64_t best = 0;
  unsigned longest = 0;
  for (const Mapping* m : writable(process, *module.mapping)) {
    const auto words = words_of(*process.memory, *m);
    for (std::size_t i = 0; i < words.size(); ++i) {
      const unsigned length = list_length(*process.memory, o, words[i]);
      if (length > longest) longest = length, best = m->start + i * 8;
    }
  }
  return best;
}

// The loop's own function is exported; its `.cold` part is named only where .symtab is left.
std::vector<AddressRange> find_eval(const Process& process, ElfCache& elfs, const Module& module, const Offsets& o) {
  const std::string_view name = o.byte_strings ? "PyEval_EvalFrameEx" : "_PyEval_EvalFrameDefault";
  std::vector<AddressRange> found;
  if (const auto loop = module.symbols.find(name)) found.push_back({loop->address, loop->address + loop->size});
  if (const auto file = elfs.get(process, *module.mapping)) {
    file->each_symbol([&](const ElfSymbol& symbol) {
      if (symbol.name.size() <= name.size() || !symbol.name.starts_with(name) || symbol.name[name.size()] != '.') return;
      const std::uint64_t start = module.symbols.bias() + symbol.address;
      found.push_back({start, start + symbol.size});
    });
  }
  return found;
}

Result<Interpreter> examine(const Process& process, ElfCache& elfs, const Module& module) {
  Memory& memory = *process.memory;
  Interpreter found;
  if (const auto runtime = module.symbols.find("_PyRuntime")) found.runtime = runtime->address;
  if (const auto type = module.symbols.find("PyCode_Type")) found.code_type = type->address;
  std::byte head[kDebugTableSize];
  if (found.runtime && memory.read(found.runtime, head) && std::memcmp(head, kDebugCookie.data(), kDebugCookie.size()) == 0) {
    auto offsets = debug_offsets(head);
    if (!offsets) return tl::unexpected(offsets.error());
    found.offsets = *offsets;
  } else {
    const auto is = find_version(memory, module.symbols);
    const Offsets* known = known_offsets(is);
    if (!known) return fail(Exit::CannotSample, "Python {}.{} is not supported (2.7 and 3.6 to 3.15 are)", is >> 8, is & 0xff);
    found.offsets = *known;
  }
  const Offsets& o = found.offsets;
  found.eval = find_eval(process, elfs, module, o);
  found.interpreters_head = found.runtime ? found.runtime + o.runtime_interpreters_head : find_interp_head(process, elfs, module, o);
  if (o.current_by_symbol) found.current = module.symbols.find("_PyThreadState_Current").value_or(LoadedSymbol{}).address;
  else if (o.runtime_tstate_current) found.current = found.runtime + o.runtime_tstate_current;
  if (!found.interpreters_head || !closes(memory, o, memory.read_as<std::uint64_t>(found.interpreters_head))) {
    return fail(Exit::CannotSample, "the Python {}.{} of process {} is not initialised", o.version >> 8, o.version & 0xff, process.id.pid);
  }
  return found;
}

}  // namespace

bool bears_python(const Process& process) {
  return any_module(process, [](const Module& module) { return defines_runtime(module.symbols); });
}

Result<std::vector<Interpreter>> find_pythons(const Process& process, ElfCache& elfs) {
  constexpr std::size_t kMost = 16;
  std::vector<Interpreter> found;
  Error why{Exit::CannotSample, fmt::format("process {} has no Python in it", process.id.pid)};
  // An executable and a library may both define the runtime; those that run are those that are initialised.
  any_module(process, [&](const Module& module) {
    if (!defines_runtime(module.symbols)) return false;
    auto one = examine(process, elfs, module);
    if (!one) return why = one.error(), false;
    const bool known = std::any_of(found.begin(), found.end(), [&](const Interpreter& f) { return f.interpreters_head == one->interpreters_head; });
    if (!known) found.push_back(std::move(*one));
    return found.size() >= kMost;
  });
  if (found.empty()) return tl::unexpected(why);
  return found;
}

}  // namespace sampan::python

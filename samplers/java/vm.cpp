#include "samplers/java/vm.hpp"

#include <algorithm>

#include "samplers/elf/elf_file.hpp"

namespace sampan::java {
namespace {

constexpr std::string_view kStubClass = "_ZN12StubRoutines";   // StubRoutines::…, StubRoutines::x86::…
constexpr std::size_t kMostStubs = 4096;
constexpr std::uint64_t kStartingEvery = 10'000'000;           // ns

// The last part of `_ZN12StubRoutines3x8610_some_entryE`: what follows the last length.
std::string variable_name(std::string_view symbol) {
  symbol.remove_prefix(3);
  std::string name;
  while (!symbol.empty() && symbol[0] >= '0' && symbol[0] <= '9') {
    std::size_t length = 0;
    while (!symbol.empty() && symbol[0] >= '0' && symbol[0] <= '9') {
      length = length * 10 + static_cast<std::size_t>(symbol[0] - '0');
      symbol.remove_prefix(1);
      if (length > 200) return {};
    }
    name = symbol.substr(0, length);
    symbol.remove_prefix(std::min(length, symbol.size()));
  }
  return name.starts_with("_") ? name.substr(1) : name;
}

}  // namespace

const Mapping* find_libjvm(const Process& process) {
  const auto found = std::find_if(process.maps.begin(), process.maps.end(), [](const Mapping& m) {
    return m.executable && (m.path.ends_with("/libjvm.so") || m.path == "libjvm.so");
  });
  return found == process.maps.end() ? nullptr : &*found;
}

Vm::Vm(Memory& target, Layout known, Profile& profile, bool lines)
    : memory(target), layout(std::move(known)), code(memory, layout), methods(memory, layout, profile, lines), unloads(memory, layout), threads(memory, layout),
      heap(memory, layout, methods) {}

Result<std::unique_ptr<Vm>> Vm::open(Process& process, Context& context) {
  const Mapping* mapping = find_libjvm(process);
  if (!mapping) return fail(Exit::CannotSample, "{} has no libjvm.so", process.name);
  const auto file = context.elfs.get(process, *mapping);
  if (!file) return fail(Exit::CannotSample, "{} of process {} cannot be read", mapping->path, process.id.pid);
  const std::uint64_t bias = file->bias(*mapping);
  std::unordered_map<std::string, std::uint64_t> tables;
  std::vector<std::pair<std::uint64_t, std::string>> variables;
  const auto visit = [&](const ElfSymbol& symbol) {
    if (symbol.name.starts_with("gHotSpotVM")) tables.emplace(symbol.name, symbol.address + bias);
    if (symbol.size == 8 && symbol.name.starts_with(kStubClass) && variables.size() < kMostStubs) {
      if (auto name = variable_name(symbol.name); !name.empty()) variables.emplace_back(symbol.address + bias, std::move(name));
    }
  };
  file->each_symbol(visit);
  const auto find = [&](std::string_view name) -> std::optional<std::uint64_t> {
    const auto found = tables.find(std::string(name));
    return found == tables.end() ? std::nullopt : std::optional(found->second);
  };
  const auto structs = VmStructs::read(*process.memory, find);
  if (!structs) return tl::unexpected(structs.error());
  auto layout = make_layout(*process.memory, *structs, file->architecture());
  if (!layout) return tl::unexpected(layout.error());
  auto vm = std::make_unique<Vm>(*process.memory, std::move(*layout), context.profile, context.options.lines);
  vm->stub_variables_ = std::move(variables);
  vm->refresh();
  vm->look(now_ns());
  return vm;
}

void Vm::refresh() {
  code.refresh();
  threads.refresh();
  unloads.refresh();
  if (codelets.empty()) codelets = read_codelets(memory, layout);
  if (!call_stub_return && layout.call_stub_return) call_stub_return = memory.read_as<std::uint64_t>(layout.call_stub_return);
  // The compiler's stubs are made late, after the first methods run.
  stubs.clear();
  for (const auto& [address, name] : stub_variables_) {
    const auto start = memory.read_as<std::uint64_t>(address);
    if (code.covers(start)) stubs.push_back({start, name});
  }
  std::sort(stubs.begin(), stubs.end(), [](const StubName& a, const StubName& b) { return a.start < b.start; });
}

void Vm::look(std::uint64_t now) {
  const bool started = !codelets.empty() && (call_stub_return || !layout.call_stub_return);
  if (!started && now >= next_refresh_) {
    next_refresh_ = now + kStartingEvery;
    refresh();
  }
  code.look(now);
  unloads.look(now);
}

std::string Vm::stub_name(const Blob& blob, std::uint64_t pc) const {
  if (blob.kind == BlobKind::Stubs || blob.kind == BlobKind::Continuation) {
    const auto after = std::upper_bound(stubs.begin(), stubs.end(), pc, [](std::uint64_t a, const StubName& s) { return a < s.start; });
    if (after != stubs.begin() && blob.contains(std::prev(after)->start)) return std::prev(after)->name;
  }
  return blob.name;
}

}  // namespace sampan::java

#include "samplers/node/wasm.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "samplers/base/clock.hpp"
#include "samplers/base/cursor.hpp"
#include "samplers/node/functions.hpp"

namespace sampan::node {
namespace {

// std::map's node: its children, its key and what that leads to; std::vector behind the map's count (libstdc++).
constexpr std::uint64_t kRoot = 8, kLeft = 16, kKey = 32, kNewCodes = 40, kNodeBytes = 48;
constexpr std::uint64_t kForeignAddress = 8, kManagedPointer = 24;
constexpr unsigned kMostDepth = 64, kMostNewCodes = 1024;
constexpr std::size_t kMostModules = 64, kMostFunctions = 50'000, kMostNameSection = 8u << 20, kMostName = 1024;
constexpr std::uint64_t kMostWire = 1u << 30, kMostCode = 64u << 20;
constexpr std::uint32_t kMostIndex = 1'000'000;      // functions of a module, by the specification's embedding limits
constexpr unsigned kMostSections = 4096;
constexpr std::size_t kSectionHead = 16;             // bytes: an id, a length of at most five, a name's length and "name"

}  // namespace

std::unordered_map<std::uint32_t, std::string> wasm_names(Memory& memory, std::uint64_t wire, std::uint64_t size) {
  std::unordered_map<std::uint32_t, std::string> names;
  std::vector<std::byte> section;
  std::uint64_t at = 8;                                // past the magic number and the version
  for (unsigned i = 0; i < kMostSections && at < size && section.empty(); ++i) {
    std::array<std::byte, kSectionHead> head{};
    if (!memory.read(wire + at, std::span(head).first(std::min<std::uint64_t>(head.size(), size - at)))) return names;
    Cursor cursor{Bytes(head)};
    const auto id = cursor.read<std::uint8_t>();
    const std::uint64_t length = cursor.uleb128(), from = at + cursor.at();
    if (cursor.bad() || length > size - std::min(size, from)) return names;
    constexpr std::string_view kName = "\4name";
    const bool named = id == 0 && std::equal(kName.begin(), kName.end(), head.begin() + static_cast<std::ptrdiff_t>(cursor.at()), [](char c, std::byte b) { return static_cast<std::byte>(c) == b; });
    if (named && length > kName.size() && length <= kMostNameSection) {
      section.resize(length - kName.size());
      if (!memory.read(wire + from + kName.size(), section)) return names;
    }
    at = from + length;
  }
  Cursor cursor{Bytes(section)};
  while (cursor && !cursor.bad()) {
    const auto id = cursor.read<std::uint8_t>();
    const std::uint64_t length = cursor.uleb128();
    if (id != 1) {                                     // not the functions'
      cursor.skip(length);
      continue;
    }
    const std::uint64_t count = cursor.uleb128();
    for (std::uint64_t i = 0; i < count && !cursor.bad(); ++i) {
      const std::uint64_t index = cursor.uleb128(), bytes = cursor.uleb128();
      const std::size_t from = cursor.at();
      cursor.skip(bytes);
      if (cursor.bad() || index > kMostIndex || bytes == 0 || bytes > kMostName) continue;
      names.emplace(static_cast<std::uint32_t>(index), printable(std::string(reinterpret_cast<const char*>(section.data() + from), bytes)));
    }
    break;
  }
  return names;
}

std::optional<WasmFunction> WasmFunctions::read(std::uint64_t code, std::uint64_t module, std::uint32_t* index) const {
  const Wasm& row = *heap_.layout().row.wasm;
  std::array<std::byte, 64> bytes;
  if (!is_pointer(code) || !heap_.memory().read(code, bytes)) return {};
  WasmFunction found{code, read_at<std::uint64_t>(bytes, 0), read_at<std::uint64_t>(bytes, 8), read_at<std::uint32_t>(bytes, static_cast<std::size_t>(row.code_size)), {}, 0};
  const auto number = read_at<std::uint32_t>(bytes, static_cast<std::size_t>(row.code_index));
  // What is no function (a wrapper, a jump table) has the number -1.
  if (found.module != module || found.size > kMostCode || number > kMostIndex) return {};
  if (index) *index = number;
  return found;
}

const WasmFunction* WasmFunctions::known(std::uint64_t pc) {
  const auto after = functions_.upper_bound(pc);
  if (after == functions_.begin()) return nullptr;
  const WasmFunction& function = std::prev(after)->second;
  if (pc - function.start >= function.size) return nullptr;
  const auto now = read(function.code, function.module, nullptr);
  if (now && now->start == function.start && now->size == function.size) return &function;
  functions_.erase(std::prev(after));
  return nullptr;
}

// The WasmCode that starts last before a pc: in the map, or among those that were not put there yet.
std::uint64_t WasmFunctions::code_before(std::uint64_t pc, std::uint64_t module) const {
  Memory& memory = heap_.memory();
  const std::uint64_t codes = module + static_cast<std::uint64_t>(heap_.layout().row.wasm->codes);
  std::uint64_t node = memory.read_as<std::uint64_t>(codes + kRoot), best = 0;
  for (unsigned depth = 0; depth < kMostDepth && is_pointer(node); ++depth) {
    std::array<std::uint64_t, kNodeBytes / 8> words{};
    if (!memory.read(node, std::as_writable_bytes(std::span(words)))) break;
    const bool right = words[kKey / 8] <= pc;
    if (right) best = words[kKey / 8 + 1];
    node = words[kLeft / 8 + (right ? 1 : 0)];
  }
  std::uint64_t start = best ? memory.read_as<std::uint64_t>(best + 8) : 0;
  const auto first = memory.read_as<std::uint64_t>(codes + kNewCodes), last = memory.read_as<std::uint64_t>(codes + kNewCodes + 8);
  for (std::uint64_t at = first; is_pointer(first) && at < last && (at - first) / 8 < kMostNewCodes; at += 8) {
    const auto code = memory.read_as<std::uint64_t>(at);
    const auto begins = is_pointer(code) ? memory.read_as<std::uint64_t>(code + 8) : 0;
    if (begins <= pc && begins > start) start = begins, best = code;
  }
  return best;
}

const WasmFunction* WasmFunctions::look_up(std::uint64_t pc, const Module& module) {
  std::uint32_t index = 0;
  auto found = read(code_before(pc, module.address), module.address, &index);
  if (!found || pc - found->start >= found->size) return nullptr;
  const auto name = module.names.find(index);
  found->frame = profile_.intern({FrameKind::Node, name != module.names.end() ? name->second : fmt::format("wasm-function[{}]", index), module.file, 0, 0});
  found->since = now_ns();
  return &(functions_[found->start] = *found);
}

WasmFunctions::Module* WasmFunctions::module_of(std::uint64_t data) {
  const Wasm& row = *heap_.layout().row.wasm;
  Memory& memory = heap_.memory();
  if (!is_object(data)) return nullptr;
  const std::uint64_t instance = row.instance ? heap_.field(data, row.instance) : data;
  const std::uint64_t object = is_object(instance) ? heap_.field(instance, row.module) : 0;
  const std::uint64_t managed = is_object(object) ? heap_.field(object, row.native) : 0;
  const std::uint64_t holder = is_object(managed) ? heap_.field(managed, kForeignAddress) : 0;
  const auto shared = is_pointer(holder) ? memory.read_as<std::uint64_t>(holder + kManagedPointer) : 0;
  Module found;
  found.address = is_pointer(shared) ? memory.read_as<std::uint64_t>(shared) : 0;
  if (!is_pointer(found.address)) return nullptr;
  const auto wire = memory.read_as<std::uint64_t>(found.address + static_cast<std::uint64_t>(row.wire));
  if (is_pointer(wire)) found.wire = memory.read_as<std::uint64_t>(wire), found.size = memory.read_as<std::uint64_t>(wire + 8);
  constexpr std::uint64_t kMagic = 0x1'6d736100;       // "\0asm", version 1
  if (!found.wire || found.size > kMostWire || memory.read_as<std::uint64_t>(found.wire) != kMagic) return nullptr;
  const auto same = std::find_if(modules_.begin(), modules_.end(), [&](const Module& m) { return m.address == found.address; });
  if (same != modules_.end() && same->wire == found.wire && same->size == found.size) return &*same;
  found.names = wasm_names(memory, found.wire, found.size);
  found.file = printable(heap_.string(heap_.field(heap_.field(object, row.script), kScriptName), kMostName).value_or(""));
  if (same != modules_.end()) return &(*same = std::move(found));
  if (modules_.size() >= kMostModules) modules_.erase(modules_.begin());
  return &modules_.emplace_back(std::move(found));
}

const WasmFunction* WasmFunctions::find(std::uint64_t pc, std::uint64_t data) {
  if (!heap_.layout().row.wasm) return nullptr;
  if (const WasmFunction* function = known(pc)) return function;
  const Module* own = module_of(data);
  if (const WasmFunction* function = own ? look_up(pc, *own) : nullptr) return function;
  for (const Module& module : modules_) {
    if (const WasmFunction* function = &module != own ? look_up(pc, module) : nullptr) return function;
  }
  return nullptr;
}

void WasmFunctions::trim() {
  if (functions_.size() < kMostFunctions) return;
  functions_.clear();
  modules_.clear();
}

}  // namespace sampan::node

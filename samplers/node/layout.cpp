#include "samplers/node/layout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "samplers/node/bytecode_sizes.hpp"

namespace sampan::node {
namespace {

// Operand counts by opcode (src/deoptimizer/translation-opcode.h).
constexpr Deopts kDeopts12_4{11, 12, false, 2, 4, "5333213432103311111111111111111101111121"};
constexpr Deopts kDeopts13_6{12, 14, true, 3, 4, "643321343331003311101111111111111111101111121"};

constexpr Wasm kWasm9_0{0, 0x88, 0x18, 0x28, 0x1a8, 0x138, 0x20, 0x30};
constexpr Wasm kWasm9_4{0, 0xd0, 0x18, 0x28, 0x1a8, 0x138, 0x20, 0x30};
constexpr Wasm kWasm11_3{0, 0xd0, 0x18, 0x20, 0x138, 0xc8, 0x18, 0x2c};
constexpr Wasm kWasm11_8{0, 0xd8, 0x18, 0x20, 0x138, 0xc8, 0x18, 0x2c};
constexpr Wasm kWasm12_4{0xa0, 0x20, 0x18, 0x20, 0x190, 0xc8, 0x18, 0x2c};
constexpr Wasm kWasm13_6{0x98, 0x20, 0x18, 0x20, 0x140, 0xf0, 0x20, 0x38};
constexpr Wasm kWasm14_6{0x68, 0x20, 0x18, 0x20, 0x138, 0xe8, 0x20, 0x38};

constexpr Row kRows[] = {
    // version shared name script scope      word recv  stream start size flags deopt pos  bytecode  kinds          deopt data   shift
    {9, 0, 24, 16, 32, 16, 40, false, true, kAbsent, 96, 40, 48, 16, 24, 32, 54, 3, 11, -2, 14, 2, 5, 6, 7, false, false, nullptr, kBytecodes9_0, &kWasm9_0},
    {9, 4, 24, 16, 32, 8, 32, false, true, kAbsent, 96, 40, 48, 16, 24, 32, 54, 3, 11, -2, 13, 2, 5, 6, 7, false, false, nullptr, kBytecodes9_4, &kWasm9_4},
    {9, 6, 24, 16, 32, 8, 32, false, true, kAbsent, 128, 40, 48, 16, 24, 32, 54, 3, 11, -2, 13, 2, 5, 6, 7, false, false, nullptr, kBytecodes9_6, &kWasm9_4},
    {10, 1, 24, 16, 32, 8, 32, false, false, kAbsent, 128, 40, 48, 16, 24, 32, 54, 3, 11, 12, 13, 2, 5, 6, 7, false, false, nullptr, kBytecodes10_1, &kWasm9_4},
    {10, 2, 24, 16, 32, 8, 32, false, false, kAbsent, 128, 40, 48, 16, 24, 32, 56, 3, 11, 12, 13, 2, 5, 6, 7, false, false, nullptr, kBytecodes10_2, &kWasm9_4},
    {11, 3, 24, 16, 32, 8, 32, false, false, 8, 40, 56, 48, 16, 24, 32, 54, 3, 11, 12, 13, 2, 5, 6, 7, false, false, nullptr, kBytecodes11_3, &kWasm11_3},
    {11, 8, 32, 16, 32, 8, 32, false, false, 8, 32, 44, 40, 8, 16, 32, 52, 3, 11, 12, 13, 2, 5, 6, 7, false, false, nullptr, kBytecodes11_8, &kWasm11_8},
    {12, 4, 32, 16, 32, 8, 32, false, false, 8, 40, 52, 48, 8, 16, 24, 64, 3, 10, 11, 12, 2, 5, 6, 7, false, false, &kDeopts12_4, kBytecodes12_4, &kWasm12_4},
    {13, 6, 32, 24, 40, 8, 48, true, false, 8, 40, 56, 52, 8, 16, 24, 64, 3, 10, 11, 12, 3, 6, 7, 8, true, false, &kDeopts13_6, kBytecodes13_6, &kWasm13_6},
    {14, 1, 32, 24, 40, 8, 48, true, false, 8, 40, 56, 52, 8, 16, 24, 64, 3, 10, 11, 12, 3, 6, 7, 8, true, true, &kDeopts13_6, kBytecodes14_1, &kWasm13_6},
    {14, 6, 32, 24, 40, 8, 48, true, false, 8, 40, 56, 52, 8, 16, 24, 64, 4, 11, 12, 13, 3, 6, 7, 8, true, true, &kDeopts13_6, kBytecodes14_6, &kWasm14_6},
};

constexpr std::int32_t kNoSuchType = 0xfffe;

class Values {
 public:
  Values(const DynamicSymbols& symbols, Memory& memory) : symbols_(symbols), memory_(memory) {}

  // A constant of v8dbg, or what stands in for one that this version has not.
  std::int32_t get(std::string_view name, std::int32_t otherwise) const {
    const auto symbol = symbols_.find(fmt::format("v8dbg_{}", name));
    return symbol ? memory_.read_as<std::int32_t>(symbol->address) : otherwise;
  }
  std::uint16_t type(std::string_view name, std::int32_t otherwise = 0) const {
    return static_cast<std::uint16_t>(get(fmt::format("type_{}", name), otherwise));
  }
  std::uint32_t frame(std::string_view name) const { return static_cast<std::uint32_t>(get(fmt::format("frametype_{}Frame", name), -1)); }
  std::int32_t version(std::string_view part) const {
    const auto symbol = symbols_.find(fmt::format("_ZN2v88internal7Version6{}_E", part));
    return symbol ? memory_.read_as<std::int32_t>(symbol->address) : -1;
  }

 private:
  const DynamicSymbols& symbols_;
  Memory& memory_;
};

Types find_types(const Values& values) {
  Types types{};
  types.map = values.type("Map__MAP_TYPE");
  types.code = values.type("Code__CODE_TYPE");
  types.stream = values.type("InstructionStream__INSTRUCTION_STREAM_TYPE", types.code);
  types.bytecodes = values.type("BytecodeArray__BYTECODE_ARRAY_TYPE");
  types.interpreter_data = values.type("InterpreterData__INTERPRETER_DATA_TYPE");
  types.baseline_data = values.type("BaselineData__BASELINE_DATA_TYPE", kNoSuchType);
  types.shared = values.type("SharedFunctionInfo__SHARED_FUNCTION_INFO_TYPE");
  types.script = values.type("Script__SCRIPT_TYPE");
  types.scope_info = values.type("ScopeInfo__SCOPE_INFO_TYPE");
  const std::uint16_t function = values.type("JSFunction__JS_FUNCTION_TYPE");
  types.function_first = static_cast<std::uint16_t>(values.get("FirstJSFunctionType", function));
  types.function_last = static_cast<std::uint16_t>(values.get("LastJSFunctionType", function + 20));
  return types;
}

FrameTypes find_frames(const Values& values) {
  return {values.frame("Entry"), values.frame("ConstructEntry"), values.frame("BuiltinExit"), values.frame("Wasm"), values.frame("WasmToJs"), values.frame("JsToWasm")};
}

}  // namespace

const Row* find_row(std::int32_t major, std::int32_t minor) {
  const auto found = std::find_if(std::begin(kRows), std::end(kRows), [&](const Row& row) { return row.major == major && row.minor == minor; });
  return found == std::end(kRows) ? nullptr : &*found;
}

Result<Layout> find_layout(const DynamicSymbols& symbols, Memory& memory) {
  const Values values(symbols, memory);
  const std::int32_t major = values.version("major"), minor = values.version("minor"), build = values.version("build");
  if (major < 0 || minor < 0) return fail(Exit::CannotSample, "the version of its V8 cannot be read");
  const std::string version = fmt::format("{}.{}.{}", major, minor, build);
  const Row* row = find_row(major, minor);
  if (!row) return fail(Exit::CannotSample, "V8 {} is not known yet", version);
  if (values.get("TaggedSize", 8) != 8 || values.get("SmiShiftSize", 31) != 31) {
    return fail(Exit::CannotSample, "V8 {} is built with pointer compression, which is not known yet", version);
  }
  Layout layout{*row, find_frames(values), find_types(values), version};
  const Types& t = layout.types;
  if (!t.map || !t.code || !t.bytecodes || !t.shared || !t.script || !t.scope_info || !t.function_first || layout.frames.entry != 1) {
    return fail(Exit::CannotSample, "V8 {} does not describe itself (no v8dbg symbols)", version);
  }
  return layout;
}

}  // namespace sampan::node

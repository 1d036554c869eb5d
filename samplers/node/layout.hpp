// Where V8 keeps what a walk reads: one row per V8 version, completed from the symbols (v8dbg_…) that the process itself
// carries. Offsets are from an object's start: a tagged pointer less one. Node.js has neither pointer compression nor a sandbox.
#pragma once

#include <cstdint>
#include <string>

#include "samplers/base/result.hpp"
#include "samplers/elf/dynamic.hpp"
#include "samplers/node/processor.hpp"
#include "samplers/process/memory.hpp"

namespace sampan::node {

using Offset = std::int16_t;
constexpr Offset kAbsent = -1;

// The length of each bytecode (interpreter::Bytecodes::kBytecodeSizes), a character each: '0' + bytes.
struct BytecodeSizes {
  const char* single;
  const char* wide;
  const char* extra_wide;
};

// What no symbol tells, or tells wrongly. Sources: src/objects/*.h and *.tq, src/codegen, src/deoptimizer of each version.
struct Row {
  std::int32_t major, minor;
  Offset function_shared;            // JSFunction
  Offset shared_name, shared_script; // SharedFunctionInfo; its function data is at 8 in all
  Offset scope_flags, scope_fields;  // ScopeInfo: its flags, 16 bytes before its number of locals; where the variable part begins
  bool scope_flags_in_word;          // flags are a u32, not a SMI; positions are then fixed fields before it
  bool scope_receiver_slot;          // 9.x: a slot for a receiver on stack or context
  Offset stream_code;                // InstructionStream -> Code; kAbsent: it is the Code itself
  Offset code_start;                 // a pointer to the instructions; where the stream is the Code: where they begin
  Offset code_size, code_flags;
  Offset code_deopt, code_positions; // Code: deoptimization data (baseline: bytecode), source or bytecode positions
  Offset bytecode_positions, bytecode_data;
  std::int16_t kind_regexp, kind_baseline, kind_maglev, kind_turbofan;
  std::int16_t deopt_literals, deopt_id, deopt_shared, deopt_inlining;   // element numbers
  bool deopt_shared_wrapped;         // the element is a wrapper whose field at 8 is the SharedFunctionInfo
  bool positions_shifted;            // a code offset of the position table is VLQ >> 2, else zigzag with -v-1
  const struct Deopts* deopts;       // nullptr: call frames by the position table
  BytecodeSizes bytecodes;
  const struct Wasm* wasm = nullptr; // nullptr: functions of WebAssembly have no names
};

// How deoptimization data says which frames a call of optimised code stands for.
struct Deopts {
  std::uint8_t first_entry;          // element of the first of three each
  std::uint8_t translation_begin;    // the first of two opcodes
  bool bytecode_operand;             // frames name their bytecode array
  std::uint8_t safepoint_words;      // u32s before the entries: TurboFan
  std::uint8_t safepoint_words_maglev;
  const char* operands;              // per opcode, a digit each
};

// How a frame of WebAssembly leads to its module, and that to its code and names. Sources: src/wasm/wasm-objects.h,
// src/wasm/wasm-code-manager.h; the offsets as the accessors in the binary have them (v8::internal::WasmFrame, NativeModule::Lookup).
struct Wasm {
  Offset instance;                   // from what the frame keeps to the WasmInstanceObject; 0: it is that
  Offset module;                     // WasmInstanceObject -> WasmModuleObject
  Offset native, script;             // WasmModuleObject -> Managed, Script
  Offset codes, wire;                // NativeModule: its std::map of code, its shared_ptr of bytes
  Offset code_size, code_index;      // WasmCode: its module and start are at 0 and 8
};

struct FrameTypes {
  std::uint32_t entry, construct_entry, builtin_exit, wasm, wasm_to_js, js_to_wasm;
};

struct Types {
  std::uint16_t map, stream, code, bytecodes, interpreter_data, baseline_data, shared, script, scope_info, function_first, function_last;
};

struct Layout {
  Row row;
  FrameTypes frames;
  Types types;
  std::string version;               // "12.4.254"
  const Processor* processor = &processor_of(sampan_native);
};

// Reads the version and what the symbols tell. Fails with CannotSample and a sentence that names the version where no row is for it.
Result<Layout> find_layout(const DynamicSymbols& symbols, Memory& memory);

// The row of a version, or nullptr.
const Row* find_row(std::int32_t major, std::int32_t minor);

}  // namespace sampan::node

// JavaScript functions by their SharedFunctionInfo: names as V8 itself would show them, files, and lines counted in the
// source. What is known of one is kept with the words that prove it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "flamegraph/profile.hpp"
#include "samplers/node/builtin_names.hpp"
#include "samplers/node/heap.hpp"
#include "samplers/node/positions.hpp"

namespace sampan::node {

struct Script {
  std::int32_t id = 0;                       // of one isolate, never used twice
  std::string file;                          // a path as the process sees it, `node:fs`; empty: V8 has no name for it
  std::int32_t first_line = 0;               // what V8 adds to each
  std::vector<std::uint32_t> line_ends;      // offsets in characters; empty: the source is not there
  // Counted from 1; 0 where it is not known.
  std::uint32_t line_of(std::int32_t offset) const;
};

struct Function {
  std::uint64_t shared = 0;
  std::string name;                          // `(anonymous)` where it has none
  bool named = false;
  std::shared_ptr<const Script> script;      // nullptr: a builtin
  std::int32_t start = -1;                   // offset in the source; -1: not known
  std::uint64_t bytecodes = 0;               // its BytecodeArray; 0: none
  std::vector<Witness> witnesses;
  std::uint64_t since = 0;                   // when it was read first, ns
  // Filled by those who ask.
  bool tables_read = false;
  std::vector<PositionEntry> positions;      // of its bytecodes
  std::vector<std::byte> code;               // its bytecodes
  std::unordered_map<std::uint32_t, FrameId> frames;   // by line
};

class Functions {
 public:
  // All outlive it.
  Functions(const Heap& heap, const BuiltinNames& builtins, Profile& profile, bool lines) : heap_(heap), builtins_(builtins), profile_(profile), lines_(lines) {}

  // nullptr where no SharedFunctionInfo is there. Holds until trim() or forget().
  Function* find(std::uint64_t shared);
  // The function whose bytecodes these are: one that is known already, else a JSFunction's if it proves to be that.
  Function* of_bytecodes(std::uint64_t bytecodes, std::uint64_t js_function);
  // The function that a FeedbackVector belongs to, if it has these bytecodes.
  Function* of_feedback(std::uint64_t bytecodes, std::uint64_t vector);
  // The function of a JSFunction, also while a collection moves it; nullptr where it is none.
  Function* of_js_function(std::uint64_t js_function);
  // What baseline code's own reference leads to (BytecodeArray, or InterpreterData that holds it); 0: neither.
  std::uint64_t bytecodes_of(std::uint64_t data, std::vector<Witness>* witnesses = nullptr) const;
  void forget(std::uint64_t shared);
  // Lets go of everything where there is too much.
  void trim();

  // Line of a place in its bytecodes; 0: not known. Before the first: the function's own.
  std::uint32_t line_of_bytecode(Function& function, std::int32_t offset);
  const std::vector<std::byte>& code_of(Function& function);
  FrameId frame(Function& function, std::uint32_t line);

 private:
  std::unique_ptr<Function> read(std::uint64_t shared) const;
  bool read_name(std::uint64_t name_or_scope, Function& into) const;
  bool read_scope_name(std::uint64_t scope, Function& into) const;
  std::shared_ptr<const Script> script(std::uint64_t address, std::vector<Witness>& witnesses) const;
  std::shared_ptr<const Script> read_script(std::uint64_t address, std::int32_t id) const;
  void read_tables(Function& function);

  const Heap& heap_;
  const BuiltinNames& builtins_;
  Profile& profile_;
  bool lines_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Function>> functions_;   // by address
  std::vector<std::unique_ptr<Function>> retired_;
  std::unordered_map<std::uint64_t, std::uint64_t> by_bytecodes_;            // BytecodeArray -> SharedFunctionInfo
  mutable std::unordered_map<std::uint64_t, std::shared_ptr<const Script>> scripts_;
  mutable std::size_t script_lines_ = 0;
};

constexpr std::int32_t kScriptName = 16;     // of a Script
// Control characters would spoil what is printed.
std::string printable(std::string text);
// `file:///a%20b.mjs` is /a b.mjs.
std::string plain_file_name(std::string name);

}  // namespace sampan::node

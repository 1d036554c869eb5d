#include "samplers/node/functions.hpp"

#include <algorithm>
#include <utility>

#include "samplers/base/clock.hpp"

namespace sampan::node {
namespace {

constexpr std::int32_t kFunctionData = 8;                                  // SharedFunctionInfo
constexpr std::int32_t kScriptSource = 8, kScriptLineOffset = 24, kScriptId = 64;
constexpr std::int32_t kScopeLocalsPastFlags = 16, kScopeStart = 32;        // ScopeInfo
constexpr std::int32_t kInterpretedBytecodes = 8, kBaselineDataBytecodes = 16;   // InterpreterData, BaselineData (9.x)
constexpr std::int32_t kFeedbackFields = 64;                               // FeedbackVector: bytes before its slots
constexpr std::uint32_t kModuleScope = 5;
constexpr std::int32_t kMostInlinedNames = 75;                             // more of them lie in a table
constexpr std::int32_t kMostLocals = 1 << 20;
constexpr std::size_t kMostName = 1024, kMostSource = 16u << 20, kMostTable = 8u << 20;
constexpr std::size_t kMostFunctions = 50'000, kMostScriptLines = 16u << 20;

// What ECMAScript calls a line terminator; \r\n is one.
std::vector<std::uint32_t> find_line_ends(const Heap::Text& source) {
  std::vector<std::uint32_t> ends;
  const std::size_t size = source.size();
  for (std::size_t i = 0; i < size; ++i) {
    const std::uint16_t c = source.at(i);
    const bool end = c == '\n' || c == 0x2028 || c == 0x2029 || (c == '\r' && !(i + 1 < size && source.at(i + 1) == '\n'));
    if (end) ends.push_back(static_cast<std::uint32_t>(i));
  }
  ends.push_back(static_cast<std::uint32_t>(size));
  return ends;
}

int hex_digit(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1; }

}  // namespace

std::string printable(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return text;
}

std::string plain_file_name(std::string name) {
  if (name.rfind("file:///", 0) != 0) return name;
  std::string path;
  for (std::size_t i = 7; i < name.size(); ++i) {
    const int high = name[i] == '%' && i + 2 < name.size() ? hex_digit(name[i + 1]) : -1;
    const int low = high >= 0 ? hex_digit(name[i + 2]) : -1;
    if (low >= 0) path += static_cast<char>(high * 16 + low), i += 2;
    else path += name[i];
  }
  return path;
}

std::uint32_t Script::line_of(std::int32_t offset) const {
  if (offset < 0 || line_ends.empty() || static_cast<std::uint32_t>(offset) > line_ends.back()) return 0;
  const auto line = std::lower_bound(line_ends.begin(), line_ends.end(), static_cast<std::uint32_t>(offset)) - line_ends.begin();
  const std::int64_t shown = line + 1 + first_line;
  return shown > 0 && shown < INT32_MAX ? static_cast<std::uint32_t>(shown) : 0;
}

std::shared_ptr<const Script> Functions::read_script(std::uint64_t address, std::int32_t id) const {
  auto script = std::make_shared<Script>();
  script->id = id;
  const std::uint64_t offset = heap_.field(address, kScriptLineOffset);
  if (is_smi(offset)) script->first_line = smi(offset);
  if (const auto name = heap_.string(heap_.field(address, kScriptName), 4096)) script->file = printable(plain_file_name(*name));
  if (!lines_) return script;
  const std::uint64_t source_word = heap_.field(address, kScriptSource);
  const auto source = heap_.text(source_word, kMostSource);
  if (source) script->line_ends = find_line_ends(*source);
  // A string that was moved under the reader's eyes is read again with the next sample.
  else if (heap_.is_string_type(heap_.type(source_word))) script->id = -1;
  return script;
}

std::shared_ptr<const Script> Functions::script(std::uint64_t address, std::vector<Witness>& witnesses) const {
  const std::uint64_t id = heap_.field(address, kScriptId);
  if (!is_smi(id)) return nullptr;
  witnesses.push_back({object_of(address) + kScriptId, id});
  auto& known = scripts_[address];
  if (!known || known->id != smi(id)) {
    if (known) script_lines_ -= std::min(script_lines_, known->line_ends.size());
    known = read_script(address, smi(id));
    script_lines_ += known->line_ends.size();
  }
  return known;
}

bool Functions::read_scope_name(std::uint64_t scope, Function& into) const {
  const Row& row = heap_.layout().row;
  const std::uint64_t flags_word = heap_.field(scope, row.scope_flags);
  const auto flags = static_cast<std::uint32_t>(row.scope_flags_in_word ? flags_word & 0xffffffff : flags_word >> 32);
  const std::uint64_t locals_word = heap_.field(scope, row.scope_flags + kScopeLocalsPastFlags);
  const std::int32_t locals = smi(locals_word);
  if (!is_smi(locals_word) || locals < 0 || locals > kMostLocals) return false;
  std::int32_t at = row.scope_fields;
  if (row.scope_flags_in_word && (flags & 15) == kModuleScope) at += 8;
  at += (locals >= kMostInlinedNames ? 8 : locals * 8) + locals * 8;
  if (flags & 1u << 10) at += 8;
  const std::uint32_t receiver = flags >> 7 & 3;
  if (row.scope_receiver_slot && (receiver == 1 || receiver == 2)) at += 8;
  if (flags >> 12 & 3) {
    if (const auto name = heap_.string(heap_.field(scope, at), kMostName)) into.name = *name;
    at += 16;
  }
  if (flags & 1u << 14) {
    if (into.name.empty()) into.name = heap_.string(heap_.field(scope, at), kMostName).value_or("");
    at += 8;
  }
  const std::uint64_t start = heap_.field(scope, row.scope_flags_in_word ? kScopeStart : at);
  if (is_smi(start)) into.start = smi(start);
  return true;
}

bool Functions::read_name(std::uint64_t name_or_scope, Function& into) const {
  if (is_smi(name_or_scope)) return true;
  const std::uint16_t type = heap_.type(name_or_scope);
  if (type == heap_.layout().types.scope_info) return read_scope_name(name_or_scope, into);
  if (!heap_.is_string_type(type)) return false;
  const auto name = heap_.string(name_or_scope, kMostName);
  if (name) into.name = *name;
  return name.has_value();
}

std::uint64_t Functions::bytecodes_of(std::uint64_t data, std::vector<Witness>* witnesses) const {
  const Layout& layout = heap_.layout();
  // Baseline code -> interpreter data -> bytecodes, each step only where it is there.
  for (unsigned step = 0; step < 3; ++step) {
    const std::uint16_t type = heap_.type(data);
    if (type == layout.types.bytecodes) return data;
    std::int32_t next = 0;
    if (type == layout.types.code) next = layout.row.code_deopt;
    else if (type == layout.types.interpreter_data) next = kInterpretedBytecodes;
    else if (type == layout.types.baseline_data) next = kBaselineDataBytecodes;
    else return 0;
    const std::uint64_t value = heap_.field(data, next);
    if (witnesses) witnesses->push_back({object_of(data) + static_cast<std::uint64_t>(next), value});
    data = value;
  }
  return 0;
}

std::unique_ptr<Function> Functions::read(std::uint64_t shared) const {
  const Layout& layout = heap_.layout();
  if (!heap_.is(shared, layout.types.shared)) return nullptr;
  auto function = std::make_unique<Function>();
  function->shared = shared;
  function->since = now_ns();
  const auto watched = [&](std::int32_t offset) {
    const std::uint64_t value = heap_.field(shared, offset);
    function->witnesses.push_back({object_of(shared) + static_cast<std::uint64_t>(offset), value});
    return value;
  };
  if (!read_name(watched(layout.row.shared_name), *function)) return nullptr;
  std::uint64_t script_word = watched(layout.row.shared_script);
  if (heap_.is(script_word, layout.types.script)) function->script = script(script_word, function->witnesses);
  function->bytecodes = bytecodes_of(watched(kFunctionData), &function->witnesses);
  function->named = !function->name.empty();
  // Of a builtin, the word before its name is its number.
  const std::uint64_t number = function->named && !function->script ? heap_.field(shared, layout.row.shared_name - 8) : 1;
  if (is_smi(number)) function->name = qualified_builtin(builtins_.name(smi(number)), function->name);
  function->name = function->name.empty() ? "(anonymous)" : printable(std::move(function->name));
  return function;
}

Function* Functions::find(std::uint64_t shared) {
  auto& known = functions_[shared];
  if (!known) known = read(shared);
  if (!known) {
    functions_.erase(shared);
    return nullptr;
  }
  if (known->bytecodes) by_bytecodes_[known->bytecodes] = shared;
  return known.get();
}

Function* Functions::of_js_function(std::uint64_t js_function) {
  for (unsigned moved = 0; moved < 2 && is_object(js_function); ++moved) {
    const std::uint64_t map = heap_.field(js_function, 0);
    if (!(map & 1) && is_pointer(map)) {   // a collection has moved it: there is where it is now
      js_function = map | 1;
      continue;
    }
    if (!heap_.is_function_type(heap_.type_of_map(map))) return nullptr;
    return find(heap_.field(js_function, heap_.layout().row.function_shared));
  }
  return nullptr;
}

Function* Functions::of_bytecodes(std::uint64_t bytecodes, std::uint64_t js_function) {
  if (const auto known = by_bytecodes_.find(bytecodes); known != by_bytecodes_.end()) {
    Function* function = find(known->second);
    if (function && function->bytecodes == bytecodes) return function;
  }
  Function* function = of_js_function(js_function);
  if (function && function->bytecodes != bytecodes) {
    // It has been compiled since it was read, perhaps.
    const std::uint64_t shared = function->shared;
    forget(shared);
    function = find(shared);
  }
  return function && function->bytecodes == bytecodes ? function : nullptr;
}

// Its SharedFunctionInfo is one of its first fields, which moved with the versions: the bytecodes prove it.
Function* Functions::of_feedback(std::uint64_t bytecodes, std::uint64_t vector) {
  if (!is_object(vector) || !heap_.is(bytecodes, heap_.layout().types.bytecodes)) return nullptr;
  for (std::int32_t at = 8; at < kFeedbackFields; at += 8) {
    const std::uint64_t shared = heap_.field(vector, at);
    Function* function = heap_.is(shared, heap_.layout().types.shared) ? find(shared) : nullptr;
    if (function && function->bytecodes == bytecodes) return function;
  }
  return nullptr;
}

void Functions::forget(std::uint64_t shared) {
  const auto known = functions_.find(shared);
  if (known == functions_.end()) return;
  retired_.push_back(std::move(known->second));   // the walk under way may still point to it
  functions_.erase(known);
}

void Functions::trim() {
  retired_.clear();
  if (functions_.size() < kMostFunctions && script_lines_ < kMostScriptLines) return;
  functions_.clear();
  by_bytecodes_.clear();
  scripts_.clear();
  script_lines_ = 0;
}

void Functions::read_tables(Function& function) {
  if (function.tables_read || !function.bytecodes) return;
  function.tables_read = true;
  const Row& row = heap_.layout().row;
  const auto table = heap_.array(heap_.field(function.bytecodes, row.bytecode_positions), 1, kMostTable);
  function.positions = decode_positions(table, row.positions_shifted);
  const std::uint64_t length = heap_.field(function.bytecodes, 8);
  if (!is_smi(length) || smi(length) <= 0 || static_cast<std::size_t>(smi(length)) > kMostTable) return;
  function.code.resize(static_cast<std::size_t>(smi(length)));
  const auto at = object_of(function.bytecodes) + static_cast<std::uint64_t>(row.bytecode_data);
  if (!heap_.memory().read(at, function.code)) function.code.clear();
}

const std::vector<std::byte>& Functions::code_of(Function& function) {
  read_tables(function);
  return function.code;
}

std::uint32_t Functions::line_of_bytecode(Function& function, std::int32_t offset) {
  if (!lines_ || !function.script) return 0;
  read_tables(function);
  const auto position = position_at(function.positions, offset);
  if (!position || position->external()) return function.script->line_of(function.start);
  return function.script->line_of(position->offset());
}

FrameId Functions::frame(Function& function, std::uint32_t line) {
  const auto [known, fresh] = function.frames.try_emplace(line);
  if (fresh) {
    const std::string_view file = lines_ && function.script ? std::string_view(function.script->file) : std::string_view();
    known->second = profile_.intern({FrameKind::Node, function.name, file, lines_ ? line : 0, 0});
  }
  return known->second;
}

}  // namespace sampan::node

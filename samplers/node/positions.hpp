// V8's tables of variable-length numbers: code offset → source position, machine code offset → bytecode offset.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "samplers/base/cursor.hpp"
#include "samplers/node/layout.hpp"

namespace sampan::node {

// Seven bits a byte, lowest first; bit 7: more follow (src/base/vlq.h).
std::uint64_t read_vlq(Cursor& cursor);
inline std::int64_t unzigzag(std::uint64_t value) { return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1); }

// A place in a source, and which inlined function's (src/codegen/source-position.h).
struct SourcePosition {
  std::uint64_t raw = 0;
  std::int32_t offset() const { return static_cast<std::int32_t>(raw >> 1 & 0x3fffffff) - 1; }   // characters; -1: none
  std::int32_t inlined() const { return static_cast<std::int32_t>(raw >> 31 & 0xffff) - 1; }     // -1: not inlined
  bool external() const { return (raw & 1) != 0; }
};

struct PositionEntry {
  std::int32_t code;       // offset from the code's start
  SourcePosition position;
};

// `shifted` as in Row. What is malformed ends the table.
std::vector<PositionEntry> decode_positions(Bytes table, bool shifted);
// The last entry at or before a code offset.
std::optional<SourcePosition> position_at(const std::vector<PositionEntry>& table, std::int32_t code);

// The bytecode offset that baseline code runs `pc` bytes from its start (of a call: where it returns to). -1: its prologue.
std::optional<std::int32_t> baseline_bytecode(Bytes table, Bytes bytecodes, const BytecodeSizes& sizes, std::uint32_t pc);

}  // namespace sampan::node

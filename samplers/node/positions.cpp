#include "samplers/node/positions.hpp"

#include <algorithm>
#include <cstring>

namespace sampan::node {
namespace {

// The length of a bytecode with its prefix; 0: none that is known.
std::size_t length_at(Bytes bytecodes, std::size_t at, const BytecodeSizes& sizes) {
  auto opcode = read_at<std::uint8_t>(bytecodes, at);
  const bool wide = opcode == 0 || opcode == 2, extra_wide = opcode == 1 || opcode == 3;
  const bool prefixed = wide || extra_wide;
  if (prefixed) opcode = read_at<std::uint8_t>(bytecodes, at + 1);
  const char* table = extra_wide ? sizes.extra_wide : wide ? sizes.wide : sizes.single;
  if (opcode >= std::strlen(sizes.single)) return 0;
  return static_cast<std::size_t>(table[opcode] - '0') + (prefixed ? 1 : 0);
}

}  // namespace

std::uint64_t read_vlq(Cursor& cursor) { return cursor.uleb128(); }

std::vector<PositionEntry> decode_positions(Bytes table, bool shifted) {
  std::vector<PositionEntry> entries;
  Cursor cursor(table);
  std::int64_t code = -1;
  std::uint64_t position = 0;                    // sums of hostile numbers wrap
  while (cursor) {
    const std::uint64_t delta = read_vlq(cursor);
    if (shifted) {
      code += static_cast<std::int64_t>(delta >> 2);
    } else {
      const std::int64_t value = unzigzag(delta);
      if (value > INT32_MAX || value < INT32_MIN) break;
      code += value >= 0 ? value : ~value;
    }
    position += static_cast<std::uint64_t>(unzigzag(read_vlq(cursor)));
    if (cursor.bad() || code < -1 || code > INT32_MAX) break;
    entries.push_back({static_cast<std::int32_t>(code), {position}});
  }
  return entries;
}

std::optional<SourcePosition> position_at(const std::vector<PositionEntry>& table, std::int32_t code) {
  const auto after = std::upper_bound(table.begin(), table.end(), code, [](std::int32_t c, const PositionEntry& e) { return c < e.code; });
  if (after == table.begin()) return {};
  return std::prev(after)->position;
}

std::optional<std::int32_t> baseline_bytecode(Bytes table, Bytes bytecodes, const BytecodeSizes& sizes, std::uint32_t pc) {
  Cursor cursor(table);
  std::uint64_t end = read_vlq(cursor);     // of the prologue
  if (cursor.bad()) return {};
  if (pc <= end) return -1;
  std::size_t at = 0;
  while (cursor && at < bytecodes.size()) {
    end += read_vlq(cursor);
    if (cursor.bad()) return {};
    if (pc <= end) return static_cast<std::int32_t>(at);
    const std::size_t length = length_at(bytecodes, at, sizes);
    if (length == 0) return {};
    at += length;
  }
  return {};
}

}  // namespace sampan::node

#include "samplers/python/lines.hpp"

#include <algorithm>

namespace sampan::python {
namespace {

constexpr std::size_t kMostRows = 65'536;

class Rows {
 public:
  void add(std::uint64_t offset, std::int64_t line) {
    const auto at = static_cast<std::uint32_t>(std::min<std::uint64_t>(offset, UINT32_MAX));
    const auto value = line > 0 && line <= INT32_MAX ? static_cast<std::uint32_t>(line) : 0;
    if (!rows_.empty() && rows_.back().offset == at) rows_.pop_back();
    if (!rows_.empty() && rows_.back().line == value) return;
    if (rows_.size() < kMostRows) rows_.push_back({at, value});
  }
  // What a function does before its first line (copying closures, making cells) belongs to where it begins.
  std::vector<LineStart> take(std::int64_t first_line) {
    if (!rows_.empty() && rows_[0].line == 0) rows_[0].line = static_cast<std::uint32_t>(first_line);
    return std::move(rows_);
  }

 private:
  std::vector<LineStart> rows_;
};

// Objects/lnotab_notes.txt: pairs of (bytes, lines) to add.
std::vector<LineStart> decode_lnotab(Cursor table, const std::int64_t first, bool signed_lines) {
  std::int64_t line = first;
  Rows rows;
  std::uint64_t offset = 0;
  rows.add(0, line);
  while (table.left() >= 2) {
    offset += table.read<std::uint8_t>();
    const auto delta = table.read<std::uint8_t>();
    line += signed_lines ? static_cast<std::int8_t>(delta) : delta;
    rows.add(offset, line);
  }
  return rows.take(first);
}

// PEP 626: pairs of (bytes that the entry covers, lines to add first); -128: these bytes have no line.
std::vector<LineStart> decode_linetable(Cursor table, const std::int64_t first) {
  std::int64_t line = first;
  Rows rows;
  std::uint64_t offset = 0;
  while (table.left() >= 2) {
    const auto covers = table.read<std::uint8_t>();
    const auto delta = table.read<std::int8_t>();
    if (delta != -128) line += delta;
    if (covers != 0) rows.add(offset, delta == -128 ? 0 : line);
    offset += covers;
  }
  return rows.take(first);
}

// Objects/locations.md: six bits a byte, least significant first; bit 6 says that more follows.
std::uint64_t varint(Cursor& table) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 60; shift += 6) {
    const auto byte = table.read<std::uint8_t>();
    value |= static_cast<std::uint64_t>(byte & 63) << shift;
    if (!(byte & 64)) break;
  }
  return value;
}

std::int64_t signed_varint(Cursor& table) {
  const std::uint64_t value = varint(table);
  const auto magnitude = static_cast<std::int64_t>(value >> 1 & 0x7fffffff);   // an int: no table's sum overflows
  return value & 1 ? -magnitude : magnitude;
}

// PEP 657: an entry begins with 1cccclll: code c, covering l + 1 code units of two bytes.
std::vector<LineStart> decode_locations(Cursor table, const std::int64_t first_line) {
  std::int64_t line = first_line;
  Rows rows;
  std::uint64_t offset = 0;
  while (table) {
    const auto first = table.read<std::uint8_t>();
    const unsigned code = first >> 3 & 15;
    if (code == 14) {                        // long: line, end line, column, end column
      line += signed_varint(table);
      varint(table), varint(table), varint(table);
    } else if (code == 13) {                 // no column
      line += signed_varint(table);
    } else if (code >= 10 && code <= 12) {   // one line, 0-2 on
      line += code - 10;
      table.skip(2);
    } else if (code <= 9) {                  // short: the same line
      table.skip(1);
    }
    rows.add(offset, code == 15 ? 0 : line);
    offset += ((first & 7u) + 1) * 2;
  }
  return rows.take(first_line);
}

}  // namespace

std::vector<LineStart> decode_lines(sampan_py_lines kind, Bytes table, std::uint32_t first_line) {
  switch (kind) {
    case SAMPAN_PY_LNOTAB_UNSIGNED: return decode_lnotab(Cursor(table), first_line, false);
    case SAMPAN_PY_LNOTAB: return decode_lnotab(Cursor(table), first_line, true);
    case SAMPAN_PY_LINETABLE: return decode_linetable(Cursor(table), first_line);
    case SAMPAN_PY_LOCATIONS: return decode_locations(Cursor(table), first_line);
  }
  return {};
}

std::size_t find_line(const std::vector<LineStart>& lines, std::int64_t offset) {
  const auto after = std::upper_bound(lines.begin(), lines.end(), offset,
                                      [](std::int64_t at, const LineStart& row) { return at < std::int64_t{row.offset}; });
  return after == lines.begin() ? 0 : static_cast<std::size_t>(after - lines.begin()) - 1;
}

}  // namespace sampan::python

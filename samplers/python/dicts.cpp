#include "samplers/python/dicts.hpp"

#include <algorithm>
#include <cstring>

namespace sampan::python {
namespace {

constexpr std::uint64_t kMostRows = 65'536;
constexpr std::uint64_t kMostOffset = 1 << 20;               // of an instance's dict from its start
constexpr std::size_t kAtOnce = 64;                          // strings looked at in one read
constexpr std::uint64_t kInlineValues = 1 << 2, kManagedDict = 1 << 4;   // tp_flags
constexpr std::uint8_t kGeneral = 0, kSplit = 2;             // dk_kind, 3.11+

}  // namespace

// 2.7: PyDictObject {ma_mask, ma_table}. 3.6-3.10: PyDictKeysObject {refcount, size, lookup, usable, nentries,
// indices[size], rows}. 3.11+: {refcount, log2_size, log2_index_bytes, kind, version, usable, nentries, indices, rows}.
Dicts::Table Dicts::table_of(std::uint64_t keys) const {
  Table table;
  if (o_.dicts == SAMPAN_PY_DICT_LOG2) {
    std::byte head[32];
    if (!memory_.read(keys, head)) return {};
    const auto index_bytes = read_at<std::uint8_t>(head, 9), kind = read_at<std::uint8_t>(head, 10);
    if (index_bytes > 32 || kind > kSplit) return {};
    table = {keys + 32 + (std::uint64_t{1} << index_bytes), read_at<std::uint64_t>(head, 24), kind == kGeneral ? 3u : 2u, kind == kSplit};
  } else {
    std::uint64_t head[5];
    if (!memory_.read(keys, bytes_of(head))) return {};
    const std::uint64_t size = head[1];
    const std::uint64_t index_bytes = size <= 0xff ? 1 : size <= 0xffff ? 2 : 4;
    if (size > kMostRows * 2) return {};
    table = {keys + 40 + size * index_bytes, head[4], 3, false};
  }
  return table.count > kMostRows ? Table{} : table;
}

// `values`: where they are, of a split table; 0: beside the keys.
std::vector<Dicts::Row> Dicts::rows_of(const Table& table, std::uint64_t values) const {
  if (table.count == 0 || (table.split && !values)) return {};
  std::vector<std::uint64_t> words(table.count * table.words), apart(values ? table.count : 0);
  if (!memory_.read(table.rows, std::as_writable_bytes(std::span(words)))) return {};
  if (values && !memory_.read(values, std::as_writable_bytes(std::span(apart)))) return {};
  std::vector<Row> rows;
  rows.reserve(table.count);
  for (std::size_t i = 0; i < table.count; ++i) {
    const std::uint64_t* row = &words[i * table.words];
    const std::uint64_t hash = table.words == 3 ? row[0] : 0, key = row[table.words - 2];
    rows.push_back({hash, key, values ? apart[i] : row[table.words - 1]});
  }
  return rows;
}

std::vector<Dicts::Row> Dicts::rows(std::uint64_t dict) const {
  std::uint64_t words[2];   // ma_keys, ma_values; 2.7: ma_mask, ma_table
  if (!memory_.read(dict + o_.dict_keys, bytes_of(words))) return {};
  if (o_.dicts == SAMPAN_PY_DICT_TABLE) return words[0] < kMostRows ? rows_of({words[1], words[0] + 1}, 0) : std::vector<Row>{};
  return rows_of(table_of(words[0]), words[1] ? words[1] + o_.values_from : 0);
}

bool Dicts::is_string(Bytes head, std::string_view text) const {
  const auto data = o_.byte_strings ? o_.bytes_data : o_.unicode_ascii_data;
  return read_at<std::uint64_t>(head, o_.byte_strings ? o_.var_size : o_.unicode_length) == text.size() &&
         std::memcmp(head.data() + data, text.data(), text.size()) == 0;
}

std::uint64_t Dicts::find_in(std::span<const Row> rows, std::string_view name) const {
  const std::size_t size = (o_.byte_strings ? o_.bytes_data : o_.unicode_ascii_data) + name.size();
  std::vector<std::byte> heads(size * kAtOnce);
  std::vector<Read> reads;
  for (std::size_t from = 0; from < rows.size(); from += kAtOnce) {
    const auto some = rows.subspan(from, std::min(kAtOnce, rows.size() - from));
    reads.clear();
    for (std::size_t i = 0; i < some.size(); ++i) reads.push_back({some[i].key, std::span(heads).subspan(i * size, size)});
    memory_.read_each(reads);
    for (std::size_t i = 0; i < some.size(); ++i) {
      if (some[i].value && is_string(std::span(heads).subspan(i * size, size), name)) return some[i].value;
    }
  }
  return 0;
}

std::uint64_t Dicts::find(std::uint64_t dict, std::string_view name) const { return dict ? find_in(rows(dict), name) : 0; }

std::uint64_t Dicts::find_split(std::uint64_t type, std::uint64_t values, std::string_view name) const {
  return find_in(rows_of(table_of(memory_.read_as<std::uint64_t>(type + o_.type_cached_keys)), values + o_.values_from), name);
}

std::uint64_t Dicts::attribute(std::uint64_t object, std::string_view name) const {
  const auto type = memory_.read_as<std::uint64_t>(object + o_.object_type);
  if (o_.attributes != SAMPAN_PY_ATTR_DICT && memory_.read_as<std::uint64_t>(type + o_.type_flags) & kManagedDict) return managed(object, type, name);
  const auto at = memory_.read_as<std::uint64_t>(type + o_.type_dict_offset);
  return at && at < kMostOffset ? find(memory_.read_as<std::uint64_t>(object + at), name) : 0;
}

std::uint64_t Dicts::managed(std::uint64_t object, std::uint64_t type, std::string_view name) const {
  const auto word = memory_.read_as<std::uint64_t>(object - o_.managed_dict);
  switch (o_.attributes) {
    case SAMPAN_PY_ATTR_TWO_WORDS: {
      const auto values = memory_.read_as<std::uint64_t>(object - o_.managed_dict - 8);
      return values ? find_split(type, values, name) : find(word, name);
    }
    case SAMPAN_PY_ATTR_TAGGED: return word & 1 ? find_split(type, word + 1, name) : find(word, name);
    default: break;
  }
  const auto inside = object + memory_.read_as<std::uint64_t>(type + o_.type_basic_size);
  const bool has_values = memory_.read_as<std::uint64_t>(type + o_.type_flags) & kInlineValues;
  const bool valid = has_values && memory_.read_as<std::uint8_t>(inside + 3) == 1;   // PyDictValues {capacity, size, embedded, valid}
  return valid ? find_split(type, inside, name) : find(word, name);
}

}  // namespace sampan::python

#include "samplers/python/objects.hpp"

#include <algorithm>

namespace sampan::python {
namespace {

constexpr std::uint64_t kMostCharacters = 1024;
constexpr std::uint64_t kMostBytes = 1 << 20;
constexpr std::uint64_t kMostBases = 64;
constexpr std::uint64_t kMostCompared = 512;
constexpr std::uint64_t kStringHash = 24;   // of str and Python 2's byte string, up to 3.10; ~0: not known yet

void append_utf8(std::string& out, std::uint32_t c) {
  const auto put = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (c >= 0x110000 || (c >= 0xd800 && c < 0xe000)) c = 0xfffd;
  if (c < 0x80) return put(c);
  if (c < 0x800) return put(0xc0 | c >> 6), put(0x80 | (c & 63));
  if (c < 0x10000) return put(0xe0 | c >> 12), put(0x80 | (c >> 6 & 63)), put(0x80 | (c & 63));
  put(0xf0 | c >> 18), put(0x80 | (c >> 12 & 63)), put(0x80 | (c >> 6 & 63)), put(0x80 | (c & 63));
}

template <typename Unit>
std::string to_utf8(Bytes data, std::uint64_t length) {
  std::string text;
  for (std::uint64_t i = 0; i < length; ++i) append_utf8(text, read_at<Unit>(data, i * sizeof(Unit)));
  return text;
}

struct UnicodeState {
  unsigned kind;
  bool compact, ascii;
};

UnicodeState unicode_state(std::uint32_t bits, bool wide) {
  bits >>= wide ? 8 : 2;   // past `interned`
  return {bits & 7, (bits >> 3 & 1) != 0, (bits >> 4 & 1) != 0};
}

}  // namespace

std::optional<std::string> Objects::string(std::uint64_t object) const {
  if (offsets_.byte_strings) {
    const auto data = bytes(object);
    if (!data || data->size() > kMostCharacters) return {};
    return std::string(reinterpret_cast<const char*>(data->data()), data->size());
  }
  std::vector<std::byte> head(offsets_.unicode_ascii_data);
  if (!memory_.read(object, head)) return {};
  const auto length = read_at<std::uint64_t>(head, offsets_.unicode_length);
  const auto state = unicode_state(read_at<std::uint32_t>(head, offsets_.unicode_state), offsets_.wide_string_state);
  if (length > kMostCharacters || (state.kind != 1 && state.kind != 2 && state.kind != 4)) return {};
  std::uint64_t at = object + (state.ascii ? offsets_.unicode_ascii_data : offsets_.unicode_compact_data);
  if (!state.compact && !memory_.read_into(object + offsets_.unicode_compact_data, at)) return {};
  std::vector<std::byte> data(length * state.kind);
  if (length != 0 && !memory_.read(at, data)) return {};
  if (state.kind == 4) return to_utf8<std::uint32_t>(data, length);
  if (state.kind == 2) return to_utf8<std::uint16_t>(data, length);
  return to_utf8<std::uint8_t>(data, length);
}

std::optional<std::vector<std::byte>> Objects::bytes(std::uint64_t object) const {
  std::uint64_t size = 0;
  if (!memory_.read_into(object + offsets_.var_size, size) || size > kMostBytes) return {};
  std::vector<std::byte> data(size);
  if (size != 0 && !memory_.read(object + offsets_.bytes_data, data)) return {};
  return data;
}

std::string Objects::qualified_name(std::uint64_t code, std::uint64_t name, std::uint64_t first_argument, std::uint64_t type) const {
  // The argument is an instance (`self`) or, in class methods, the class itself.
  if (!type) type = memory_.read_as<std::uint64_t>(first_argument + offsets_.object_type);
  if (auto found = in_class(type, code, name); !found.empty()) return found;
  return in_class(first_argument, code, name);
}

std::string Objects::in_class(std::uint64_t type, std::uint64_t code, std::uint64_t name) const {
  const auto mro = memory_.read_as<std::uint64_t>(type + offsets_.type_mro);
  const auto bases = mro ? std::min(memory_.read_as<std::uint64_t>(mro + offsets_.var_size), kMostBases) : 0;
  for (std::uint64_t i = 0; i < bases; ++i) {
    const auto base = memory_.read_as<std::uint64_t>(mro + offsets_.var_size + 8 + i * 8);
    const auto dict = memory_.read_as<std::uint64_t>(base + offsets_.type_dict);
    const auto function = dict ? in_dict(dict, code, name) : 0;
    if (!function) continue;
    if (offsets_.function_qualname) {
      return string(memory_.read_as<std::uint64_t>(function + offsets_.function_qualname)).value_or("");
    }
    char text[128] = {};
    const auto text_at = memory_.read_as<std::uint64_t>(base + offsets_.type_name);
    for (std::size_t k = 0; k + 1 < sizeof text && memory_.read_into(text_at + k, text[k]) && text[k] != 0; ++k) {}
    return text[0] ? text + ("." + string(name).value_or("?")) : "";
  }
  return {};
}

// The function with this code among a class's attributes; 0: none. It stands under the code's name, which is told by its
// address or its hash; under another where the name is private (`__x` in class C is `_C__x`) or not hashed (3.6).
std::uint64_t Objects::in_dict(std::uint64_t dict, std::uint64_t code, std::uint64_t name) const {
  const auto rows = dicts_.rows(dict);
  const auto hash = memory_.read_as<std::uint64_t>(name + kStringHash);
  const bool hashed = hash != 0 && hash != ~std::uint64_t{0};
  std::uint64_t function = 0;
  for (const Dicts::Row& row : rows) {
    const bool named = row.key == name || (hashed && row.hash == hash);
    if (named && row.value) return bears_code(row.value, code, function) ? function : 0;
  }
  if ((hashed && !string(name).value_or("").starts_with("__")) || rows.size() > kMostCompared) return 0;
  for (const Dicts::Row& row : rows) {
    if (row.value && bears_code(row.value, code, function)) return function;
  }
  return 0;
}

// A function, or what a classmethod, staticmethod or property holds (getter, setter, deleter).
bool Objects::bears_code(std::uint64_t object, std::uint64_t code, std::uint64_t& function) const {
  const auto is = [&](std::uint64_t f) { return f && memory_.read_as<std::uint64_t>(f + offsets_.function_code) == code; };
  if (function = object; is(function)) return true;
  for (const unsigned held : {16u, 24u, 32u}) {
    if (function = memory_.read_as<std::uint64_t>(object + held); is(function)) return true;
  }
  return false;
}

}  // namespace sampan::python

#include "samplers/ruby/objects.hpp"

#include <algorithm>
#include <array>

namespace sampan::ruby {
namespace {

constexpr std::uint64_t kUser1 = std::uint64_t{1} << 13;   // strings: not embedded; arrays: embedded
constexpr std::uint64_t kPageOfSymbols = 512;              // ID_ENTRY_UNIT
constexpr std::uint64_t kOperators = 1000;                 // ids below are operators' and have no scope bits
constexpr std::uint64_t kMostNames = 1 << 20;

}  // namespace

std::optional<std::string> Objects::string(Value value, std::size_t most) const {
  std::array<std::uint64_t, 4> head;   // flags, class, then length and pointer or text
  if (!is_object(value) || !memory_.read(value, std::as_writable_bytes(std::span(head))) || type_of(head[0]) != kString) return {};
  const bool embedded = (head[0] & kUser1) == 0;
  std::uint64_t size = head[2];
  std::uint64_t text = head[3];
  if (embedded && layout_.string_long_header) text = value + 24;
  if (embedded && !layout_.string_long_header) size = head[0] >> 14 & 0x1f, text = value + 16;
  if (size > (std::uint64_t{1} << 32)) return {};
  std::string out(std::min<std::uint64_t>(size, most), '\0');
  if (!memory_.read(text, std::as_writable_bytes(std::span(out)))) return {};
  return out;
}

std::optional<Objects::Array> Objects::array(Value value) const {
  std::array<std::uint64_t, 5> head;   // flags, class, length, capacity, pointer
  if (!is_object(value) || !memory_.read(value, std::as_writable_bytes(std::span(head))) || type_of(head[0]) != kArray) return {};
  if (head[0] & kUser1) return Array{value + 16, head[0] >> 15 & (layout_.string_long_header ? 0x7f : 0x3)};
  if (head[2] > (std::uint64_t{1} << 32)) return {};
  return Array{head[4], head[2]};
}

Value Objects::element(const Array& array, std::uint64_t index) const {
  return index < array.size ? memory_.read_as<Value>(array.data + index * sizeof(Value)) : 0;
}

bool Objects::take_symbols(Value ids) {
  const auto pages = array(ids);
  if (!pages || pages->size == 0) return false;
  const auto first = array(element(*pages, 0));
  if (!first) return false;
  for (const std::uint64_t stride : {2, 1}) {
    symbol_stride_ = stride;
    if (symbol_text(*first, '+') == "+" && symbol_text(*first, '-') == "-") return symbols_ = ids, true;
  }
  return false;
}

std::optional<std::string> Objects::symbol_text(const Array& page, std::uint64_t serial) const {
  return string(element(page, serial % kPageOfSymbols * symbol_stride_), 256);
}

std::optional<std::string> Objects::symbol(std::uint64_t id) const {
  if (symbols_ == 0) return {};
  if (const auto known = names_.find(id); known != names_.end()) return known->second;
  const std::uint64_t serial = id < kOperators ? id : id >> 4;
  const auto pages = array(symbols_);
  const auto page = pages ? array(element(*pages, serial / kPageOfSymbols)) : std::nullopt;
  auto text = page ? symbol_text(*page, serial) : std::nullopt;
  if (text && names_.size() < kMostNames) names_[id] = *text;
  return text;
}

// Up to 3.1 a class keeps its name and what it is the singleton of among its variables (iv_tbl, an st_table).
Value Objects::class_variable(Value klass, const char* name) const {
  const auto extension = memory_.read_as<std::uint64_t>(klass + 24);
  const auto table = memory_.read_as<std::uint64_t>(extension + layout_.klass.path);
  std::array<std::uint64_t, 7> head{};   // …, bound of entries at 40, entries at 48
  if (extension == 0 || table == 0 || !memory_.read(table, std::as_writable_bytes(std::span(head)))) return 0;
  const std::uint64_t count = std::min<std::uint64_t>(head[5], 256);
  for (std::uint64_t i = 0; i < count; ++i) {
    std::array<std::uint64_t, 3> entry{};   // hash, key, value
    if (!memory_.read(head[6] + i * sizeof entry, std::as_writable_bytes(std::span(entry)))) return 0;
    if (entry[0] != ~std::uint64_t{0} && symbol(entry[1]) == name) return entry[2];
  }
  return 0;
}

std::optional<std::string> Objects::class_path(Value klass) const {
  if (layout_.klass.extension != kNone) {
    return string(memory_.read_as<Value>(klass + layout_.klass.extension + layout_.klass.path), 256);
  }
  if (auto path = string(class_variable(klass, "__classpath__"), 256)) return path;
  const Value id = class_variable(klass, "__classid__");   // 2.5 and 2.6, until the path is asked for
  return (id & 0xff) == 0x0c ? symbol(id >> 8) : std::nullopt;
}

Value Objects::attached(Value klass) const {
  if (layout_.klass.extension == kNone) return class_variable(klass, "__attached__");
  if (layout_.klass.attached == kNone) return 0;
  return memory_.read_as<Value>(klass + layout_.klass.extension + layout_.klass.attached);
}

std::string Objects::qualify(Value owner, const std::string& method) const {
  std::array<std::uint64_t, 2> head{};   // flags, class
  if (!is_object(owner) || !memory_.read(owner, std::as_writable_bytes(std::span(head)))) return method;
  if (type_of(head[0]) == kIclass) {
    owner = head[1];
    head[0] = is_object(owner) ? memory_.read_as<std::uint64_t>(owner) : 0;
  }
  if (type_of(head[0]) != kClass && type_of(head[0]) != kModule) return method;
  const bool singleton = type_of(head[0]) == kClass && (head[0] >> layout_.klass.singleton_bit & 1);
  if (singleton) {
    owner = attached(owner);
    const Type type = is_object(owner) ? type_of(memory_.read_as<std::uint64_t>(owner)) : kString;
    if (type != kClass && type != kModule) return method;   // of one object: Ruby names it so too
  }
  const auto path = class_path(owner);
  return path ? *path + (singleton ? "." : "#") + method : method;
}

}  // namespace sampan::ruby

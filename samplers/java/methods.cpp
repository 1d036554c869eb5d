#include "samplers/java/methods.hpp"

#include <algorithm>

#include "samplers/java/unsigned5.hpp"

namespace sampan::java {
namespace {

constexpr std::size_t kMostSymbolBytes = 1024;
constexpr std::size_t kMostLineBytes = 256 * 1024;
constexpr std::size_t kMostMethods = 200'000;     // then the cache starts anew

std::uint64_t at(std::uint64_t base, Offset offset) { return base + static_cast<std::uint64_t>(offset); }

bool plausible(std::uint64_t pointer) { return pointer >= 4096 && pointer % 8 == 0 && pointer < (std::uint64_t{1} << 56); }

// Control characters never stand in a JVM name.
bool printable(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; });
}

}  // namespace

std::string plain_class_name(std::string name) {
  const auto cut = name.find_last_of("/+");
  if (cut != std::string::npos && cut + 1 < name.size() && name.compare(cut + 1, 2, "0x") == 0) name.erase(cut);
  return name;
}

std::uint32_t MethodInfo::line_of(std::uint32_t bci) const {
  const auto after = std::upper_bound(lines.begin(), lines.end(), bci, [](std::uint32_t b, const Line& l) { return b < l.bci; });
  return after == lines.begin() ? 0 : std::prev(after)->line;
}

std::vector<Line> decode_lines(Bytes stream, std::uint8_t excludes, std::size_t most) {
  std::vector<Line> lines;
  Cursor cursor(stream);
  std::int64_t bci = 0, line = 0;
  while (lines.size() < most) {
    const auto byte = cursor.read<std::uint8_t>();
    if (byte == 0 || cursor.bad()) break;
    if (byte == 0xff) {
      bci += read_signed5(cursor, excludes);
      line += read_signed5(cursor, excludes);
    } else {
      bci += byte >> 3;
      line += byte & 7;
    }
    if (cursor.bad() || bci < 0 || bci > 0xffff || line < 0 || line > 0xffff) break;
    lines.push_back({static_cast<std::uint32_t>(bci), static_cast<std::uint32_t>(line)});
  }
  // Compilers of other languages write tables that are not in order.
  std::stable_sort(lines.begin(), lines.end(), [](const Line& a, const Line& b) { return a.bci < b.bci; });
  return lines;
}

std::string Methods::symbol(std::uint64_t address, Witness* witness) {
  address &= ~std::uint64_t{1};   // bit 0 marks a resolved entry of a constant pool
  if (!plausible(address)) return {};
  std::size_t length = 0;
  if (layout_.symbol_length_and_refcount != kAbsent) {
    length = memory_.read_as<std::uint32_t>(at(address, layout_.symbol_length_and_refcount)) >> 16;
  } else if (layout_.symbol_length != kAbsent) {
    length = memory_.read_as<std::uint16_t>(at(address, layout_.symbol_length));
  }
  if (length == 0 || length > kMostSymbolBytes) return {};
  std::string text(length, '\0');
  const std::uint64_t body = at(address, layout_.symbol_body);
  if (!memory_.read(body, std::as_writable_bytes(std::span(text)))) return {};
  if (!printable(text)) return {};
  if (witness && length >= 8) {
    *witness = {body + length - 8, 0, ~std::uint64_t{0}};
    std::memcpy(&witness->value, text.data() + length - 8, 8);
  }
  return text;
}

void Methods::read_lines(Bytes cm, MethodInfo& info) {
  const auto flags = layout_.cm_flags == kAbsent ? 0u : read_at<std::uint16_t>(cm, static_cast<std::size_t>(layout_.cm_flags));
  if (!lines_ || (flags & layout_.cm_has_lines) == 0) return;
  // The table's length is not told: it ends with a zero byte.
  const std::uint64_t start = info.bytecodes + info.code_size;
  std::vector<std::byte> stream;
  for (std::size_t size = 256; size <= kMostLineBytes; size *= 4) {
    stream.resize(size);
    std::size_t got = size;
    // Close to the end of the mapping less can be read.
    while (got >= 16 && !memory_.read(start, std::span(stream).first(got))) got /= 2;
    if (got < 16) return;
    stream.resize(got);
    if (got < size || std::find(stream.begin(), stream.end(), std::byte{0}) != stream.end()) break;
  }
  info.lines = decode_lines(stream, layout_.unsigned5_excludes);
}

std::optional<MethodInfo> Methods::read(std::uint64_t method) {
  if (!plausible(method)) return {};
  MethodInfo info;
  info.read_at = now_ns();
  const auto watch = [&](std::uint64_t address) {
    Witness w{address, 0};
    const bool read = memory_.read_into(address, w.value);
    if (read) info.witnesses.push_back(w);
    return read && plausible(w.value) ? w.value : 0;
  };
  const std::uint64_t cm = watch(at(method, layout_.const_method));
  const std::uint64_t pool = cm ? watch(at(cm, layout_.cm_constants)) : 0;
  const std::uint64_t holder = pool ? watch(at(pool, layout_.pool_holder)) : 0;
  const std::uint64_t class_name = holder ? watch(at(holder, layout_.klass_name)) : 0;
  if (!class_name) return {};
  std::vector<std::byte> head(std::clamp<std::size_t>(layout_.cm_bytes, 40, 128));
  if (!memory_.read(cm, head)) return {};
  const auto short_at = [&](Offset offset) { return offset == kAbsent ? std::uint16_t{0} : read_at<std::uint16_t>(head, static_cast<std::size_t>(offset)); };
  const std::uint16_t name_index = short_at(layout_.cm_name);
  const auto length = layout_.pool_length == kAbsent ? 0xffff : memory_.read_as<std::int32_t>(at(pool, layout_.pool_length));
  if (name_index == 0 || name_index >= length) return {};
  const auto entry = [&](std::uint16_t index) { return memory_.read_as<std::uint64_t>(pool + layout_.pool_bytes + std::uint64_t{index} * 8); };

  Witness text{};
  const std::string class_text = symbol(class_name, &text);
  if (text.address) info.witnesses.push_back(text);
  text = {};
  const std::string method_text = symbol(entry(name_index), &text);
  if (text.address) info.witnesses.push_back(text);
  if (class_text.empty() || method_text.empty()) return {};
  info.witnesses.push_back({at(cm, layout_.cm_name), name_index, 0xffff});
  info.name = plain_class_name(class_text) + "." + method_text;

  const std::uint64_t source_at = layout_.pool_source_file != kAbsent ? at(pool, layout_.pool_source_file)
                                  : layout_.klass_source_file != kAbsent ? at(holder, layout_.klass_source_file) : 0;
  const std::uint16_t source = source_at ? memory_.read_as<std::uint16_t>(source_at) : std::uint16_t{0};
  if (source && source < length) info.file = symbol(entry(source));
  info.bytecodes = cm + layout_.cm_bytes;
  info.code_size = short_at(layout_.cm_code_size);
  info.consistent = layout_.klass_constants == kAbsent || memory_.read_as<std::uint64_t>(at(holder, layout_.klass_constants)) == pool;
  read_lines(head, info);
  return info;
}

const MethodInfo* Methods::find(std::uint64_t method) {
  if (methods_.size() >= kMostMethods) methods_.clear(), frames_.clear();
  auto [known, fresh] = methods_.try_emplace(method);
  if (fresh) known->second = read(method);
  if (known->second) return &*known->second;
  methods_.erase(known);   // perhaps torn: it is read again when it is seen again
  return nullptr;
}

void Methods::forget(std::uint64_t method) {
  methods_.erase(method);
  std::erase_if(frames_, [method](const auto& item) { return item.first.method == method; });
}

bool Methods::verify(std::uint64_t method) {
  const auto known = methods_.find(method);
  if (known == methods_.end() || !known->second) return true;
  const auto now = read(method);
  if (now && now->name == known->second->name && now->bytecodes == known->second->bytecodes && now->lines == known->second->lines) return true;
  forget(method);
  return false;
}

FrameId Methods::frame(std::uint64_t method, std::int32_t bci, FrameKind kind) {
  const MethodInfo* info = find(method);
  if (!info) return profile_.intern({FrameKind::Note, "[unknown method]", {}, 0, 0});
  const std::uint32_t line = lines_ && bci >= 0 ? info->line_of(static_cast<std::uint32_t>(bci)) : 0;
  const auto [known, fresh] = frames_.try_emplace(Key{method, std::uint64_t{line} << 8 | static_cast<std::uint8_t>(kind)});
  if (fresh) known->second = profile_.intern({kind, info->name, lines_ ? std::string_view(info->file) : std::string_view(), line, 0});
  return known->second;
}

}  // namespace sampan::java

#include "samplers/java/heap.hpp"

#include <algorithm>

#include "samplers/java/unsigned5.hpp"

namespace sampan::java {
namespace {

constexpr std::size_t kMostFields = 1024;     // of one class: those that are looked for belong to Thread, its holders and String
constexpr std::size_t kMostStreamBytes = 1 << 20;
constexpr std::size_t kMostTextBytes = 512;
constexpr std::uint64_t kMostFlags = 8192;
constexpr unsigned kMostSupers = 32;
constexpr std::uint32_t kInitialized = 1, kGeneric = 4, kContended = 16;   // FieldInfo::FieldFlags
constexpr unsigned kFieldTagBits = 2;                                      // below a packed offset, until JDK 20

std::uint64_t at(std::uint64_t base, Offset offset) { return base + static_cast<std::uint64_t>(offset); }

void append_utf8(std::string& text, std::uint16_t c) {
  if (c < 0x80) return text.push_back(static_cast<char>(c));
  if (c >= 0x800) text.push_back(static_cast<char>(0xe0 | (c >> 12))), text.push_back(static_cast<char>(0x80 | ((c >> 6) & 0x3f)));
  else text.push_back(static_cast<char>(0xc0 | (c >> 6)));
  text.push_back(static_cast<char>(0x80 | (c & 0x3f)));
}

}  // namespace

std::vector<FieldInfo> decode_field_stream(Bytes stream, std::uint8_t excludes) {
  std::vector<FieldInfo> fields;
  Cursor cursor(stream);
  const std::size_t own = read_unsigned5(cursor, excludes);
  read_unsigned5(cursor, excludes);   // injected fields: they follow
  while (fields.size() < std::min(own, kMostFields)) {
    FieldInfo field;
    field.name = read_unsigned5(cursor, excludes);
    field.signature = read_unsigned5(cursor, excludes);
    field.offset = read_unsigned5(cursor, excludes);
    read_unsigned5(cursor, excludes);   // access flags
    const std::uint32_t flags = read_unsigned5(cursor, excludes);
    for (const std::uint32_t bit : {kInitialized, kGeneric, kContended}) {
      if (flags & bit) read_unsigned5(cursor, excludes);
    }
    if (cursor.bad()) break;
    fields.push_back(field);
  }
  return fields;
}

std::vector<FieldInfo> decode_field_shorts(Bytes shorts, std::size_t count) {
  std::vector<FieldInfo> fields;
  Cursor cursor(shorts);
  while (fields.size() < std::min(count, kMostFields)) {
    FieldInfo field;
    cursor.skip(2);   // access flags
    field.name = cursor.read<std::uint16_t>();
    field.signature = cursor.read<std::uint16_t>();
    cursor.skip(2);   // initial value
    field.offset = cursor.read<std::uint32_t>() >> kFieldTagBits;
    if (cursor.bad()) break;
    fields.push_back(field);
  }
  return fields;
}

void Heap::read_modes() {
  ready_ = true;
  Modes& modes = modes_;
  const auto value = [this](std::uint64_t address) { return address ? memory_.read_as<std::uint64_t>(address) : 0; };
  const auto shift = [this](std::uint64_t address) { return address ? memory_.read_as<std::uint32_t>(address) & 63u : 0u; };
  modes.oop_base = value(layout_.oop_base);
  modes.oop_shift = shift(layout_.oop_shift);
  modes.klass_base = value(layout_.klass_base);
  modes.klass_shift = shift(layout_.klass_shift);
  if (layout_.z_instance && layout_.z_load_shift != kAbsent) {
    const std::uint64_t instance = value(layout_.z_instance);
    const std::uint64_t where = instance ? value(at(instance, layout_.z_load_shift)) : 0;
    modes.z_shift = static_cast<unsigned>(value(where) & 63);
  }
  const std::uint64_t flags = value(layout_.flags), count = std::min(value(layout_.flag_count), kMostFlags);
  if (!flags || layout_.flag_name == kAbsent || layout_.flag_address == kAbsent || layout_.flag_bytes < 16) return;
  const auto is_set = [&](std::uint64_t flag) { return memory_.read_as<std::uint8_t>(value(at(flag, layout_.flag_address))) != 0; };
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t flag = flags + i * layout_.flag_bytes;
    const std::string name = read_c_string(memory_, value(at(flag, layout_.flag_name)));
    if (name == "UseCompressedOops") modes.compressed_oops = is_set(flag);
    if (name == "UseCompressedClassPointers") modes.compressed_klass = is_set(flag);
    if (name == "UseCompactObjectHeaders") modes.compact_headers = is_set(flag);
  }
}

std::uint64_t Heap::klass_of(std::uint64_t object) const {
  if (modes_.compact_headers && layout_.mark_klass_shift != kAbsent) {
    const auto narrow = memory_.read_as<std::uint64_t>(object) >> layout_.mark_klass_shift;
    return modes_.klass_base + (narrow << modes_.klass_shift);
  }
  if (modes_.compressed_klass && layout_.oop_compressed_klass != kAbsent) {
    const std::uint64_t narrow = memory_.read_as<std::uint32_t>(at(object, layout_.oop_compressed_klass));
    return modes_.klass_base + (narrow << modes_.klass_shift);
  }
  return layout_.oop_klass == kAbsent ? 0 : memory_.read_as<std::uint64_t>(at(object, layout_.oop_klass));
}

std::uint64_t Heap::load(std::uint64_t object, std::uint32_t offset) const {
  if (!modes_.compressed_oops) return uncolored(memory_.read_as<std::uint64_t>(object + offset));
  const std::uint64_t narrow = memory_.read_as<std::uint32_t>(object + offset);
  return narrow ? modes_.oop_base + (narrow << modes_.oop_shift) : 0;
}

std::optional<std::uint32_t> Heap::own_field(std::uint64_t klass, std::string_view name, std::string_view signature) const {
  const auto pool = memory_.read_as<std::uint64_t>(at(klass, layout_.klass_constants));
  const bool stream = layout_.klass_field_stream != kAbsent;
  const Offset where = stream ? layout_.klass_field_stream : layout_.klass_fields;
  const Offset data = stream ? layout_.array_of_u1 : layout_.array_of_u2;
  if (!pool || where == kAbsent || data == kAbsent) return {};
  const auto array = memory_.read_as<std::uint64_t>(at(klass, where));
  const std::uint64_t length = memory_.read_as<std::uint32_t>(array) * (stream ? std::uint64_t{1} : std::uint64_t{2});
  if (!array || length == 0 || length > kMostStreamBytes) return {};
  std::vector<std::byte> bytes(length);
  if (!memory_.read(at(array, data), bytes)) return {};
  const std::size_t count = layout_.klass_field_count == kAbsent ? length / 12 : memory_.read_as<std::uint16_t>(at(klass, layout_.klass_field_count));
  const auto fields = stream ? decode_field_stream(bytes, layout_.unsigned5_excludes) : decode_field_shorts(bytes, count);
  const auto entry = [&](std::uint32_t index) {
    return methods_.symbol(memory_.read_as<std::uint64_t>(pool + layout_.pool_bytes + std::uint64_t{index & 0xffff} * 8));
  };
  for (const FieldInfo& field : fields) {
    if (entry(field.name) == name && entry(field.signature) == signature) return field.offset;
  }
  return {};
}

std::optional<std::uint32_t> Heap::field(std::uint64_t klass, std::string_view name, std::string_view signature) {
  std::string key = std::to_string(klass);
  key.append(" ").append(name).append(signature);
  const auto [known, fresh] = fields_.try_emplace(key);
  for (unsigned i = 0; fresh && klass && i < kMostSupers && !known->second; ++i) {
    known->second = own_field(klass, name, signature);
    klass = memory_.read_as<std::uint64_t>(at(klass, layout_.klass_super));
  }
  return known->second;
}

std::string Heap::string(std::uint64_t object) {
  const std::uint64_t klass = object ? klass_of(object) : 0;
  if (!klass) return {};
  const auto bytes_at = field(klass, "value", "[B");
  const auto chars_at = bytes_at ? bytes_at : field(klass, "value", "[C");   // JDK 8
  const auto coder_at = field(klass, "coder", "B");
  if (!chars_at) return {};
  const bool wide = !bytes_at || (coder_at && memory_.read_as<std::uint8_t>(object + *coder_at) != 0);
  const std::uint64_t array = load(object, *chars_at);
  const std::uint64_t length_at = modes_.compact_headers ? 8 : modes_.compressed_klass ? 12 : 16;
  std::uint64_t size = array ? memory_.read_as<std::uint32_t>(array + length_at) : 0;
  if (!bytes_at) size *= 2;
  if (size == 0 || size > kMostTextBytes) return {};
  // The elements follow the length; until JDK 22 they begin on a whole word.
  std::uint64_t data_at = length_at + 4;
  if (layout_.major < 23) data_at = (data_at + 7) / 8 * 8;
  std::vector<std::byte> bytes(size);
  if (!memory_.read(array + data_at, bytes)) return {};
  std::string text;
  for (std::size_t i = 0; i < size; i += wide ? 2 : 1) {
    const std::uint16_t c = wide ? read_at<std::uint16_t>(bytes, i) : std::uint16_t{read_at<std::uint8_t>(bytes, i)};
    if (c < 0x20 || c == 0x7f) return {};   // no name: the object has moved
    append_utf8(text, c);
  }
  return text;
}

std::string Heap::thread_name(std::uint64_t java_thread) {
  if (layout_.thread_object == kAbsent || layout_.klass_constants == kAbsent || layout_.klass_super == kAbsent) return {};
  if (!ready_) read_modes();
  auto object = memory_.read_as<std::uint64_t>(at(java_thread, layout_.thread_object));
  if (layout_.thread_object_is_handle && object) object = memory_.read_as<std::uint64_t>(object);
  object = uncolored(object);
  const std::uint64_t klass = object ? klass_of(object) : 0;
  if (!klass) return {};
  const auto name_at = field(klass, "name", "Ljava/lang/String;");
  return name_at ? string(load(object, *name_at)) : std::string();
}

}  // namespace sampan::java

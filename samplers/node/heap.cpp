#include "samplers/node/heap.hpp"

#include <algorithm>
#include <array>

namespace sampan::node {
namespace {

constexpr std::int32_t kMapType = 12;        // Map::instance_type
constexpr std::int32_t kLength = 12, kCharacters = 16;
constexpr std::int32_t kFirst = 16, kSecond = 24, kParent = 16, kSliceOffset = 24, kActual = 16, kResourceData = 24;
constexpr unsigned kSeq = 0, kCons = 1, kExternal = 2, kSliced = 3, kThin = 5;
constexpr std::uint16_t kOneByte = 8, kUncached = 16;
constexpr unsigned kMostDepth = 64;          // of a rope's left sides
constexpr unsigned kMostParts = 20'000;      // of a rope

void append_utf8(std::string& into, std::uint32_t c) {
  if (c < 0x80) {
    into += static_cast<char>(c);
  } else if (c < 0x800) {
    into += static_cast<char>(0xc0 | c >> 6);
    into += static_cast<char>(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    into += static_cast<char>(0xe0 | c >> 12);
    into += static_cast<char>(0x80 | (c >> 6 & 0x3f));
    into += static_cast<char>(0x80 | (c & 0x3f));
  } else {
    into += static_cast<char>(0xf0 | c >> 18);
    into += static_cast<char>(0x80 | (c >> 12 & 0x3f));
    into += static_cast<char>(0x80 | (c >> 6 & 0x3f));
    into += static_cast<char>(0x80 | (c & 0x3f));
  }
}

std::string to_utf8(const Heap::Text& text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::uint32_t c = text.at(i);
    const std::uint32_t next = i + 1 < text.size() ? text.at(i + 1) : 0;
    if ((c & 0xfc00) == 0xd800 && (next & 0xfc00) == 0xdc00) {
      c = 0x10000 + ((c & 0x3ff) << 10 | (next & 0x3ff));
      ++i;
    } else if ((c & 0xf800) == 0xd800) {
      c = 0xfffd;
    }
    append_utf8(out, c);
  }
  return out;
}

}  // namespace

std::uint16_t Heap::type_of_map(std::uint64_t map) const {
  if (!is_object(map)) return kNoType;
  std::array<std::byte, 16> head;
  if (!memory_.read(object_of(map), head)) return kNoType;
  const auto type = read_at<std::uint16_t>(head, kMapType);
  // A map's own map is the map of maps, whose map is itself.
  const auto meta = read_at<std::uint64_t>(head, 0);
  if (!is_object(meta)) return kNoType;
  return memory_.read_as<std::uint16_t>(object_of(meta) + kMapType) == layout_.types.map ? type : kNoType;
}

bool Heap::append_characters(std::uint64_t address, bool one_byte, std::size_t from, std::size_t count, Text& into) const {
  const std::size_t width = one_byte ? 1 : 2;
  std::vector<std::byte> bytes(count * width);
  if (!memory_.read(address + from * width, bytes)) return false;
  if (into.one_byte && !one_byte) {
    std::vector<std::byte> wide(into.bytes.size() * 2);
    for (std::size_t i = 0; i < into.bytes.size(); ++i) wide[i * 2] = into.bytes[i];
    into.bytes = std::move(wide);
    into.one_byte = false;
  }
  if (into.one_byte || !one_byte) {
    into.bytes.insert(into.bytes.end(), bytes.begin(), bytes.end());
    return true;
  }
  for (const std::byte b : bytes) into.bytes.insert(into.bytes.end(), {b, std::byte{0}});
  return true;
}

bool Heap::append(std::uint64_t object, std::size_t from, std::size_t count, Text& into, unsigned depth, unsigned& parts) const {
  // A rope leans to its left for the most part: its right side goes on in this loop, its left by recursion.
  while (count > 0) {
    const std::uint16_t kind = type(object);
    if (!is_string_type(kind) || ++parts > kMostParts) return false;
    const std::uint64_t at = object_of(object);
    const auto length = memory_.read_as<std::uint32_t>(at + kLength);
    if (from > length || count > length - from) return false;
    switch (kind & 7) {
      case kSeq: return append_characters(at + kCharacters, kind & kOneByte, from, count, into);
      case kExternal: {
        const auto data = (kind & kUncached) ? 0 : field(object, kResourceData);
        return data && append_characters(data, kind & kOneByte, from, count, into);
      }
      case kThin: object = field(object, kActual); continue;
      case kSliced:
        from += static_cast<std::uint32_t>(smi(field(object, kSliceOffset)));
        object = field(object, kParent);
        continue;
      case kCons: {
        const std::uint64_t first = field(object, kFirst);
        if (!is_object(first)) return false;
        const auto left = memory_.read_as<std::uint32_t>(object_of(first) + kLength);
        if (from < left) {
          const std::size_t part = std::min<std::size_t>(count, left - from);
          if (part == count) {
            object = first;
            continue;
          }
          if (depth >= kMostDepth || !append(first, from, part, into, depth + 1, parts)) return false;
          from = left;
          count -= part;
        }
        from -= left;
        object = field(object, kSecond);
        continue;
      }
      default: return false;
    }
  }
  return true;
}

std::optional<Heap::Text> Heap::text(std::uint64_t object, std::size_t most) const {
  if (!is_string_type(type(object))) return {};
  const auto length = memory_.read_as<std::uint32_t>(object_of(object) + kLength);
  if (length > most) return {};
  Text text;
  unsigned parts = 0;
  if (!append(object, 0, length, text, 0, parts)) return {};
  return text;
}

std::optional<std::string> Heap::string(std::uint64_t object, std::size_t most) const {
  const auto found = text(object, most);
  return found ? std::optional(to_utf8(*found)) : std::nullopt;
}

std::vector<std::byte> Heap::array(std::uint64_t object, std::size_t word_size, std::size_t most) const {
  if (!is_object(object)) return {};
  const std::uint64_t length = field(object, 8);
  if (!is_smi(length) || smi(length) <= 0 || static_cast<std::size_t>(smi(length)) > most / word_size) return {};
  std::vector<std::byte> bytes(static_cast<std::size_t>(smi(length)) * word_size);
  if (!memory_.read(object_of(object) + 16, bytes)) return {};
  return bytes;
}

}  // namespace sampan::node

// V8's heap from outside: every object is known by its map before anything of it is believed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "samplers/node/layout.hpp"
#include "samplers/process/memory.hpp"

namespace sampan::node {

// A pointer to a heap object: bit 0 set, bit 1 clear (set: weak).
constexpr bool is_object(std::uint64_t word) { return (word & 3) == 1 && word > 4096 && word < (std::uint64_t{1} << 47); }
constexpr std::uint64_t object_of(std::uint64_t word) { return word & ~std::uint64_t{3}; }
constexpr bool is_smi(std::uint64_t word) { return (word & 0xffffffff) == 0; }
constexpr std::int32_t smi(std::uint64_t word) { return static_cast<std::int32_t>(word >> 32); }

constexpr std::uint16_t kNoType = 0xffff;

// A word that held when something was read: what was read is true as long as it still does.
struct Witness {
  std::uint64_t address = 0;
  std::uint64_t value = 0;
};

class Heap {
 public:
  // Both outlive it.
  Heap(Memory& memory, const Layout& layout) : memory_(memory), layout_(layout) {}

  // A field of an object, by its tagged pointer; 0 where it cannot be read.
  std::uint64_t field(std::uint64_t object, std::int32_t offset) const {
    return memory_.read_as<std::uint64_t>(object_of(object) + static_cast<std::uint64_t>(std::int64_t{offset}));
  }
  // The instance type by a map word; kNoType where that is no map.
  std::uint16_t type_of_map(std::uint64_t map) const;
  // The instance type of an object; kNoType where it is none.
  std::uint16_t type(std::uint64_t object) const { return is_object(object) ? type_of_map(field(object, 0)) : kNoType; }
  bool is(std::uint64_t object, std::uint16_t wanted) const { return type(object) == wanted; }
  bool is_string_type(std::uint16_t type) const { return (type & (layout_.row.major < 10 ? 0xffc0 : 0xff80)) == 0; }
  bool is_function_type(std::uint16_t type) const { return type >= layout_.types.function_first && type <= layout_.types.function_last; }

  // The text of a string as UTF-8, at most `most` characters; nothing where it is no string or cannot be read whole.
  std::optional<std::string> string(std::uint64_t object, std::size_t most) const;
  // The same as UTF-16 code units of one or two bytes each.
  struct Text {
    std::vector<std::byte> bytes;
    bool one_byte = true;
    std::size_t size() const { return one_byte ? bytes.size() : bytes.size() / 2; }
    std::uint16_t at(std::size_t i) const { return one_byte ? std::to_integer<std::uint16_t>(bytes[i]) : read_at<std::uint16_t>(bytes, i * 2); }
  };
  std::optional<Text> text(std::uint64_t object, std::size_t most) const;

  // The bytes of a ByteArray or the words of a FixedArray (`word_size` 8), at most `most` bytes; empty where it is none.
  std::vector<std::byte> array(std::uint64_t object, std::size_t word_size, std::size_t most) const;

  Memory& memory() const { return memory_; }
  const Layout& layout() const { return layout_; }

 private:
  bool append(std::uint64_t object, std::size_t from, std::size_t count, Text& into, unsigned depth, unsigned& parts) const;
  bool append_characters(std::uint64_t address, bool one_byte, std::size_t from, std::size_t count, Text& into) const;

  Memory& memory_;
  const Layout& layout_;
};

}  // namespace sampan::node

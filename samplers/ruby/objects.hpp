// Ruby objects in a target's memory: strings, arrays, symbols, the names of classes and methods. Everything is hostile:
// what does not fit is nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "samplers/process/memory.hpp"
#include "samplers/ruby/layout.hpp"

namespace sampan::ruby {

using Value = std::uint64_t;

// RBasic.flags (include/ruby/internal/value_type.h, fl_type.h).
enum Type : unsigned { kClass = 0x02, kModule = 0x03, kString = 0x05, kArray = 0x07, kImemo = 0x1a, kIclass = 0x1c };
enum ImemoType : unsigned { kSvar = 2, kMethodEntry = 6 };
constexpr Type type_of(std::uint64_t flags) { return static_cast<Type>(flags & 0x1f); }
constexpr unsigned imemo_type_of(std::uint64_t flags) { return flags >> 12 & 0xf; }
constexpr bool is_object(Value value) { return is_pointer(value) && value != 8; }

class Objects {
 public:
  Objects(Memory& memory, const Layout& layout) : memory_(memory), layout_(layout) {}

  // At most `most` bytes of a String.
  std::optional<std::string> string(Value value, std::size_t most = 1024) const;
  struct Array {
    std::uint64_t data = 0;
    std::uint64_t size = 0;
  };
  std::optional<Array> array(Value value) const;
  Value element(const Array& array, std::uint64_t index) const;

  // Takes `ids` (of rb_symbols_t, symbol.c) for the table of symbols where its entries for + and - are theirs.
  bool take_symbols(Value ids);
  std::optional<std::string> symbol(std::uint64_t id) const;

  // A named class or module; nothing for anonymous ones.
  std::optional<std::string> class_path(Value klass) const;
  // `Class#method`, `Class.method` of a singleton's, or the method alone where the owner has no name.
  std::string qualify(Value owner, const std::string& method) const;

 private:
  std::optional<std::string> symbol_text(const Array& page, std::uint64_t serial) const;
  Value class_variable(Value klass, const char* name) const;
  Value attached(Value klass) const;

  Memory& memory_;
  const Layout& layout_;
  Value symbols_ = 0;
  std::uint64_t symbol_stride_ = 2;   // words for one symbol
  mutable std::unordered_map<std::uint64_t, std::string> names_;   // by id: symbols never change
};

}  // namespace sampan::ruby

// Reading CPython's objects: strings to UTF-8, byte strings, and the class that a method belongs to.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "samplers/process/memory.hpp"
#include "samplers/python/dicts.hpp"
#include "samplers/python/layout.hpp"

namespace sampan::python {

class Objects {
 public:
  Objects(Memory& memory, const Offsets& offsets) : memory_(memory), offsets_(offsets), dicts_(memory, offsets) {}

  // A str (or, in Python 2, a byte string) as UTF-8, at most 1,024 characters; nothing where it does not read as one.
  std::optional<std::string> string(std::uint64_t object) const;
  // A bytes object's data, at most 1 MiB.
  std::optional<std::vector<std::byte>> bytes(std::uint64_t object) const;

  // Up to 3.10, where code objects bear no qualified name: the one of the method whose code this is, found by its
  // first argument's class or a base of it. `name` is the code's name object. Empty where it is no method.
  std::string qualified_name(std::uint64_t code, std::uint64_t name, std::uint64_t first_argument, std::uint64_t type = 0) const;

 private:
  std::string in_class(std::uint64_t type, std::uint64_t code, std::uint64_t name) const;
  std::uint64_t in_dict(std::uint64_t dict, std::uint64_t code, std::uint64_t name) const;
  bool bears_code(std::uint64_t object, std::uint64_t code, std::uint64_t& function) const;

  Memory& memory_;
  const Offsets& offsets_;
  Dicts dicts_;
};

}  // namespace sampan::python

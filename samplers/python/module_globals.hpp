// A module's variables by name: looked for in sys.modules once, then remembered.
#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <utility>

#include "samplers/python/dicts.hpp"

namespace sampan::python {

class ModuleGlobals {
 public:
  // Both outlive it.
  ModuleGlobals(Memory& memory, const Offsets& offsets) : memory_(memory), o_(offsets), dicts_(memory, offsets) {}

  // The object, or 0 where the interpreter has none (yet): then it is looked for again, every now and then. `path` is
  // `module:variable`, a literal.
  std::uint64_t find(std::uint64_t interp, std::string_view path);
  // The object found before is not what it was: it is looked for once more, not sooner than else.
  std::uint64_t find_again(std::uint64_t interp, std::string_view path);
  // The module itself, looked for each time.
  std::uint64_t module(std::uint64_t interp, std::string_view name) const;

 private:
  struct Found {
    std::uint64_t object = 0;
    std::uint64_t looked_at = 0;   // CLOCK_MONOTONIC_COARSE
  };
  std::uint64_t look(std::uint64_t interp, std::string_view path) const;

  Memory& memory_;
  const Offsets& o_;
  Dicts dicts_;
  std::map<std::pair<std::uint64_t, std::string_view>, Found> found_;
};

}  // namespace sampan::python

// The names that a program gives its threads: those of the threading module's Thread objects, read from outside.
#pragma once

#include <cstdint>
#include <string>

#include "samplers/python/module_globals.hpp"
#include "samplers/python/objects.hpp"
#include "samplers/python/threads.hpp"

namespace sampan::python {

class ThreadNames {
 public:
  // Both outlive it.
  ThreadNames(Memory& memory, const Offsets& offsets) : o_(offsets), objects_(memory, offsets), dicts_(memory, offsets), globals_(memory, offsets) {}

  // What the interpreter of this thread state calls its thread; empty where it has not been told of it, or has no
  // threading module.
  std::string of(const ThreadState& state);

 private:
  std::uint64_t thread_object(std::uint64_t active, std::uint64_t ident) const;

  const Offsets& o_;
  Objects objects_;
  Dicts dicts_;
  ModuleGlobals globals_;
};

}  // namespace sampan::python

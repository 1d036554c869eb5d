// Finding CPython in a process: by what its mapped files define, never by their names.
#pragma once

#include <cstdint>
#include <vector>

#include "samplers/base/result.hpp"
#include "samplers/elf/elf_file.hpp"
#include "samplers/process/process.hpp"
#include "samplers/python/layout.hpp"
#include "samplers/unwind/address_space.hpp"

namespace sampan::python {

struct Interpreter {
  Offsets offsets{};
  std::uint64_t runtime = 0;             // _PyRuntime; 0 up to 3.6
  std::uint64_t interpreters_head = 0;   // where the pointer to the newest PyInterpreterState is
  std::uint64_t current = 0;             // where the pointer to the running thread state is, up to 3.11; 0: nowhere
  std::uint64_t code_type = 0;           // PyCode_Type; 0: not known
  std::vector<AddressRange> eval;        // the interpreter's loop, and what the compiler split off it
};

// True where some mapped file defines CPython's runtime. A few reads a file.
bool bears_python(const Process& process);

// Every Python of the process, most often one. Fails with CannotSample where the version is not known or no interpreter is (or
// is any longer) initialised.
Result<std::vector<Interpreter>> find_pythons(const Process& process, ElfCache& elfs);

}  // namespace sampan::python

// Programs of a language that is sampled, run by something that is not: their machine stacks can be seen, or another
// runtime's frames, never their own.
#pragma once

#include <string_view>

#include "samplers/elf/elf_file.hpp"
#include "samplers/process/process.hpp"

namespace sampan {

struct Lookalike {
  const char* name = nullptr;       // nullptr: none
  const char* language = nullptr;   // whose programs it runs: a runtime's name
  const char* sentence = nullptr;   // what can be seen of it instead
};

// By what the process has mapped and by its command line.
Lookalike lookalike_of(const Process& process, std::string_view command_line, ElfCache& elfs);

}  // namespace sampan

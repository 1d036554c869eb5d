// What V8's own code differs in by processor: a row each. Sources: src/codegen/{x64,arm64}/register-*.h, src/builtins/{x64,arm64}.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "samplers/base/architecture.h"

namespace sampan::node {

struct Processor {
  const sampan_architecture* architecture;
  std::span<const std::byte> prologue;   // the instructions that set up most frames
  // DWARF numbers: of the interpreter while it runs, its place in the bytecodes and these; a JSFunction as it is entered.
  std::uint8_t offset, bytecodes, function;
  // From an entry frame's frame pointer to the sp of the C++ that called: what that saved lies between them, or below.
  std::uint16_t entry_bytes;
};

extern const Processor kX86Processor, kArm64Processor;
inline const Processor& processor_of(const sampan_architecture& architecture) { return architecture.link_register ? kArm64Processor : kX86Processor; }

}  // namespace sampan::node

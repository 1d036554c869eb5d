// Where the return address and the caller's rbp are while x86-64 code runs on from a function's entry.
#pragma once

#include <cstdint>

#include "samplers/unwind/rows.h"
#include "samplers/unwind/x86_code.hpp"

namespace sampan {

struct X86Flow {
  enum class Rbp : std::uint8_t { Callers, Base, Other };   // Base: CFA - base
  std::int32_t depth = 8;      // CFA - rsp
  std::int32_t base = 0;
  std::int32_t saved = 0;      // the caller's rbp lies at CFA - saved; 0: it was not saved
  Rbp rbp = Rbp::Callers;
  bool sp_known = true;
  bool outermost = false;      // in the thread's first function
  bool operator==(const X86Flow&) const = default;

  void apply(const X86Instruction& instruction);
  // What holds where two ways meet.
  X86Flow join(const X86Flow& other) const;
  sampan_row row() const;

 private:
  void load_rbp(std::int32_t from);
};

}  // namespace sampan

// The virtual machine of call frame instructions (DWARF 5, 6.4.2), kept to what rows can say.
#pragma once

#include <cstdint>
#include <vector>

#include "samplers/base/architecture.h"
#include "samplers/base/cursor.hpp"
#include "samplers/unwind/rows.h"

namespace sampan {

// What one register of the caller is computed from.
struct CfiRule {
  enum Kind : std::uint8_t { Same, Undefined, Offset, ValueOffset, Register, Expression, ValueExpression };
  Kind kind = Same;
  std::uint64_t reg = 0;
  std::int64_t offset = 0;
  Bytes expression;
};

struct CfiState {
  CfiRule cfa;    // Register + offset, or Expression
  CfiRule fp;
  CfiRule ra;
};

struct CfiCie {
  std::uint64_t code_align = 1;
  std::int64_t data_align = 1;
  std::uint64_t ra_register = 16;
  std::uint8_t pointer_encoding = 0;
  bool augmented = false;
  bool signal = false;
  bool good = false;
  Bytes instructions;
  CfiState initial;
};

// The row that says what a state says, without its pc.
sampan_row make_row(const CfiState& state, bool signal, const sampan_architecture& architecture);

// Runs instructions from a location; calls `emit(location, state)` before the location moves on and at the end.
// Where they are malformed: `emit(location, nullptr)` and false; what was emitted before holds.
class CfiMachine {
 public:
  CfiMachine(const CfiCie& cie, std::uint64_t address, const sampan_architecture& architecture)
      : cie_(cie), address_(address), architecture_(architecture) {}
  template <typename Emit>
  bool run(Bytes instructions, std::uint64_t location, Emit emit) {
    Cursor cursor(instructions);
    state_ = cie_.initial;
    saved_.clear();
    while (cursor) {
      const std::uint64_t before = location;
      if (!step(cursor, location) || location < before) return emit(before, nullptr), false;
      if (location != before) emit(before, &state_);   // what moves the location leaves the state as it was
    }
    emit(location, &state_);
    return true;
  }
  const CfiState& state() const { return state_; }

 private:
  bool step(Cursor& cursor, std::uint64_t& location);
  bool extended(std::uint8_t op, Cursor& cursor, std::uint64_t& location);
  void set(std::uint64_t reg, const CfiRule& rule);
  void restore(std::uint64_t reg);
  std::int64_t scaled(std::uint64_t factored) const;

  const CfiCie& cie_;
  std::uint64_t address_;   // of the instructions
  const sampan_architecture& architecture_;
  CfiState state_;
  std::vector<CfiState> saved_;
};

// A pointer in one of the encodings of .eh_frame (LSB, "DWARF extensions"); `place` is its own address.
std::uint64_t read_encoded(Cursor& cursor, std::uint8_t encoding, std::uint64_t place);

}  // namespace sampan

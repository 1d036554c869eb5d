// Which way the machine code of one Code object runs on, read from its instructions. V8 puts rare blocks and out-of-line code
// at the end, behind code that has nothing to do with them, and gives out-of-line code no position of its own.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "samplers/base/architecture.h"
#include "samplers/node/positions.hpp"
#include "samplers/process/memory.hpp"

namespace sampan::node {

class CodeFlow {
 public:
  // Offsets are from `start`. The memory and the architecture outlive it.
  CodeFlow(Memory& memory, const sampan_architecture& architecture, std::uint64_t start, std::uint64_t size)
      : memory_(memory), architecture_(architecture), start_(start), size_(size) {}

  enum class Kind : std::uint8_t { Plain, Call, Branch, Jump, End };   // End: nothing goes on behind it
  struct Instruction {
    std::uint32_t at, next;
    Kind kind;
    std::int64_t target;             // of a branch or a jump
  };
  // Nothing where it cannot be read or is none that is known.
  std::optional<Instruction> at(std::uint32_t offset);

  // The length of a branch that leads far.
  std::uint32_t branch_bytes() const { return architecture_.link_register ? 4 : 6; }

  // Visits what runs from `offset` on, over jumps and straight past branches, until `visit` returns true (then true).
  template <typename Visit>
  bool follow(std::uint32_t offset, Visit visit) {
    for (unsigned i = 0; i < kMostInstructions; ++i) {
      const auto instruction = at(offset);
      if (!instruction) return false;
      if (visit(*instruction)) return true;
      if (instruction->kind == Kind::End) return false;
      if (instruction->kind == Kind::Jump && !inside(instruction->target, 0, size_)) return false;
      offset = instruction->kind == Kind::Jump ? static_cast<std::uint32_t>(instruction->target) : instruction->next;
    }
    return false;
  }
  // Whether what runs at `from` can come to `to` without leaving [from, end).
  bool reaches(std::uint32_t from, std::uint32_t to, std::uint32_t end);

 private:
  static constexpr unsigned kMostInstructions = 2048;
  static bool inside(std::int64_t offset, std::uint64_t from, std::uint64_t end) {
    return offset >= static_cast<std::int64_t>(from) && offset < static_cast<std::int64_t>(end);
  }
  Bytes bytes_at(std::uint32_t offset);

  Memory& memory_;
  const sampan_architecture& architecture_;
  std::uint64_t start_, size_;
  std::uint64_t window_start_ = 0;   // an offset
  std::vector<std::byte> window_;
};

// The code offset to look up in a table of positions for what runs at `offset` (`exact`) or returns to it: its own where the
// entry before it leads to it, else that of what it runs on to. Nothing where neither can be told.
std::optional<std::uint32_t> told_at(CodeFlow& flow, const std::vector<PositionEntry>& table, std::uint32_t offset, bool exact);

}  // namespace sampan::node

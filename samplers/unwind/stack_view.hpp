// A thread's stack as the walker sees it: the captured copy first, the target's memory where the copy ends.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "samplers/process/memory.hpp"
#include "samplers/unwind/unwinder.hpp"

namespace sampan {

// The address of a word of the stack, `words` from `base`.
inline std::uint64_t slot(std::uint64_t base, std::int64_t words) { return base + static_cast<std::uint64_t>(words * 8); }

class StackView {
 public:
  // What is read beyond the copy stays below `limit` (the stack's base; 0: not known).
  void reset(Memory& memory, std::uint64_t start, Bytes copy, std::uint64_t limit);

  // A word of the stack; nothing outside it or where it cannot be read.
  std::optional<std::uint64_t> word(std::uint64_t address);
  // Whether the address can lie in this stack.
  bool holds(std::uint64_t address) const { return address >= copy_.start && address < limit_; }
  std::uint64_t limit() const { return limit_; }
  const StackCopy& copy() const { return copy_; }
  // Reads more of the stack; false at its end. Older frames seldom change while a thread runs on.
  bool extend();
  bool extended() const { return extended_; }

 private:
  Memory* memory_ = nullptr;
  StackCopy copy_;
  std::vector<std::byte> own_;
  std::uint64_t limit_ = 0;
  bool extended_ = false;
};

}  // namespace sampan

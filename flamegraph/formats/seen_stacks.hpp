// Whole stacks of folded text that were read before: profiles of many hosts or minutes repeat theirs, often in the
// same order, and comparing a line is a tenth of the cost of walking its frames.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "flamegraph/profile.hpp"

namespace sampan {

class SeenStacks {
 public:
  struct Stack {
    const char* text = nullptr;   // in the input
    std::uint32_t size = 0;
    std::uint32_t hash = 0;
    NodeId node = 0;
    std::uint32_t next = 0;       // what followed it the last time
  };

  // Small inputs are not worth it.
  explicit SeenStacks(bool worth) : slots_(worth ? 1024 : 0), stacks_(1) {}

  bool worth() const { return !slots_.empty(); }
  // What followed the stack before the last time; no text where nothing did.
  const Stack& expected() const { return stacks_[stacks_[last_].next]; }
  void step() { last_ = stacks_[last_].next, ++found_; }
  // The node of an equal stack; kRoot, which no stack ends at, where there was none.
  NodeId find(std::string_view stack);
  // Keeps the stack that find() was asked for last.
  void keep(std::string_view stack, NodeId node);

 private:
  static constexpr std::uint32_t kMost = 1 << 16;   // 1.5 MB of stacks, 0.5 MB of slots
  void follow(std::uint32_t id) { stacks_[last_].next = id, last_ = id; }
  void grow();

  std::vector<std::uint32_t> slots_;   // open-addressed hash -> place in stacks_; 0: none
  std::vector<Stack> stacks_;          // from 1; the first stands before all
  std::uint32_t last_ = 0;
  std::uint32_t hash_ = 0;
  std::size_t slot_ = 0;
  std::uint64_t found_ = 0;
};

}  // namespace sampan

// What is known at each instruction of a function.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "samplers/unwind/x86_flow.hpp"

namespace sampan {

// By address; open-addressed, since some functions have ten thousand instructions.
class FlowMap {
 public:
  struct Seen {
    std::uint64_t at = 0;   // no code lies at 0
    X86Flow flow;
    std::uint8_t length = 0;
    bool root = false;      // a call that no one returns from
  };

  FlowMap() : slots_(kLeast) {}
  Seen* find(std::uint64_t at) {
    Seen& slot = slots_[slot_of(at)];
    return slot.at == at ? &slot : nullptr;
  }
  // The entry, and whether it is new. Valid until the next call.
  std::pair<Seen*, bool> add(std::uint64_t at, const X86Flow& flow, std::uint8_t length) {
    if (size_ * 2 >= slots_.size()) grow();
    Seen& slot = slots_[slot_of(at)];
    if (slot.at == at) return {&slot, false};
    slot = {at, flow, length, false};
    ++size_;
    return {&slot, true};
  }
  // In the order of their addresses; the map is empty then.
  std::vector<Seen> take_sorted() {
    std::vector<Seen> all = std::move(slots_);
    std::erase_if(all, [](const Seen& seen) { return seen.at == 0; });
    std::sort(all.begin(), all.end(), [](const Seen& a, const Seen& b) { return a.at < b.at; });
    slots_.assign(kLeast, {});
    size_ = 0;
    return all;
  }

 private:
  static constexpr std::size_t kLeast = 1024;   // a power of two
  std::size_t slot_of(std::uint64_t at) const {
    const std::size_t mask = slots_.size() - 1;
    std::size_t slot = (at * 0x9e37'79b9'7f4a'7c15u >> 20) & mask;
    while (slots_[slot].at != 0 && slots_[slot].at != at) slot = (slot + 1) & mask;
    return slot;
  }
  void grow() {
    std::vector<Seen> old(slots_.size() * 2);
    old.swap(slots_);
    for (const Seen& seen : old) {
      if (seen.at != 0) slots_[slot_of(seen.at)] = seen;
    }
  }
  std::vector<Seen> slots_;
  std::size_t size_ = 0;
};

}  // namespace sampan

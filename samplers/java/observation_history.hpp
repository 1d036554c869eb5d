// What was seen at earlier times, thinned out with age: for any time of the last few seconds there is a look before it,
// at most three times as long ago.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

namespace sampan::java {

template <typename T>
class ObservationHistory {
 public:
  // `time` rises.
  void add(std::uint64_t time, const T& seen) {
    ++count_;
    for (std::size_t level = 0; level < levels_.size() && count_ % (std::uint64_t{1} << level) == 0; ++level) {
      levels_[level][1] = levels_[level][0];
      levels_[level][0] = {true, time, seen};
    }
  }
  // The newest look that is not after that time; nullptr where there is none.
  const T* at(std::uint64_t time) const {
    const Look* found = newest(time, [](const T&) { return true; });
    return found ? &found->seen : nullptr;
  }
  // When the newest look that is not after that time, and saw what `is` says, was taken.
  template <typename Is>
  std::optional<std::uint64_t> when(std::uint64_t time, Is is) const {
    const Look* found = newest(time, is);
    return found ? std::optional(found->time) : std::nullopt;
  }

 private:
  struct Look {
    bool set = false;
    std::uint64_t time = 0;
    T seen{};
  };
  template <typename Is>
  const Look* newest(std::uint64_t time, Is is) const {
    const Look* best = nullptr;
    for (const auto& level : levels_) {
      for (const Look& look : level) {
        if (look.set && look.time <= time && (!best || look.time > best->time) && is(look.seen)) best = &look;
      }
    }
    return best;
  }
  std::array<std::array<Look, 2>, 8> levels_;   // each keeps the last two of every second look of the one before
  std::uint64_t count_ = 0;
};

}  // namespace sampan::java

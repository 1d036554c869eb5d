// Which ticks look at a process that has slept long: one of several, which, chance says. What such a look finds running
// stands for all of them, so that nothing is lost on average however short it is awake, and after these every tick looks.
// What is awake for twice kLongestNs is never missed.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <utility>

namespace sampan {

class Slumber {
 public:
  static constexpr std::uint64_t kWakefulNs = 2'000'000'000;   // asleep for no longer, every tick looks
  static constexpr double kLongestNs = 300'000'000;            // between two looks, on average

  // The ticks that a look at this moment (CLOCK_MONOTONIC, ns) stands for; 0: this tick does not look. As long as nothing of
  // the process ran, looks become rarer with the time: of a process that wakes now and then, little is left to chance.
  unsigned look(std::uint64_t now_ns, unsigned rate) {
    if (left_ == 0) {
      const std::uint64_t slept = asleep_since_ == 0 || now_ns < asleep_since_ ? 0 : now_ns - asleep_since_;
      const auto most = static_cast<std::uint64_t>(std::max(1.0, rate * kLongestNs / 1e9));
      left_ = ticks_ = static_cast<unsigned>(std::clamp<std::uint64_t>(slept / kWakefulNs, 1, most));
      chosen_ = ticks_ == 1 ? 1 : std::uniform_int_distribution<unsigned>(1, ticks_)(random_);
    }
    return left_-- == chosen_ ? ticks_ : 0;
  }

  // A look is over; `ran`: any of the threads since the last one, or it is not known.
  void looked(std::uint64_t now_ns, bool ran) {
    ran_ = ran;
    unlisted_ |= ran;
    if (ran) asleep_since_ = 0;   // what is left of these ticks is counted
    else if (asleep_since_ == 0) asleep_since_ = now_ns;
  }

  // Whether threads may have come or gone: only one of the process makes another, and one that ends runs to its end.
  bool ran() const { return ran_; }
  // Whether anything ran since this was last asked.
  bool ran_since() { return std::exchange(unlisted_, false); }

 private:
  std::uint64_t asleep_since_ = 0;   // 0: it ran at the last look
  unsigned ticks_ = 1, left_ = 0, chosen_ = 1;   // of which one looks; how many of them are to come
  bool ran_ = true, unlisted_ = true;
  std::minstd_rand random_{std::random_device{}()};
};

}  // namespace sampan

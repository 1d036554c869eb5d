// Which ticks look at a process that has slept long: few, by chance. What such a look finds running stands for as many
// ticks as one look does on average, so that nothing is lost on average however short it is awake, and from then on every
// tick looks.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <utility>

namespace sampan {

class Slumber {
 public:
  static constexpr std::uint64_t kWakefulNs = 2'000'000'000;   // asleep for no longer, every tick looks
  static constexpr double kLongestNs = 500'000'000;            // between two looks, on average

  // The ticks that a look at this moment (CLOCK_MONOTONIC, ns) stands for; 0: this tick does not look. As long as nothing of
  // the process ran, looks become rarer with the time: of a process that wakes now and then, little is left to chance.
  unsigned look(std::uint64_t now_ns, unsigned rate) {
    const std::uint64_t slept = asleep_since_ == 0 || now_ns < asleep_since_ ? 0 : now_ns - asleep_since_;
    const auto most = static_cast<std::uint64_t>(std::max(1.0, rate * kLongestNs / 1e9));
    const auto ticks = static_cast<unsigned>(std::clamp<std::uint64_t>(slept / kWakefulNs, 1, most));
    return ticks == 1 || std::uniform_int_distribution<unsigned>(1, ticks)(random_) == 1 ? ticks : 0;
  }

  // A look is over; `ran`: any of the threads since the last one, or it is not known.
  void looked(std::uint64_t now_ns, bool ran) {
    ran_ = ran;
    unlisted_ |= ran;
    if (ran) asleep_since_ = 0;
    else if (asleep_since_ == 0) asleep_since_ = now_ns;
  }

  // Whether threads may have come or gone: only one of the process makes another, and one that ends runs to its end.
  bool ran() const { return ran_; }
  // Whether anything ran since this was last asked.
  bool ran_since() { return std::exchange(unlisted_, false); }

 private:
  std::uint64_t asleep_since_ = 0;   // 0: it ran at the last look
  bool ran_ = true, unlisted_ = true;
  std::minstd_rand random_{std::random_device{}()};
};

}  // namespace sampan

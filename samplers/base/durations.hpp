// How long something took, many times over: counts by length, eight steps an octave, so that a quantile is at most
// an eighth too long.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

namespace sampan {

class Durations {
 public:
  void add(std::uint64_t ns) {
    most_ns_ = std::max(most_ns_, ns);
    ++counts_[step_of(ns)];
    ++count_;
  }
  std::uint64_t count() const { return count_; }
  std::uint64_t most_ns() const { return most_ns_; }
  // That which the given share (0–1) of all did not exceed; 0 where there are none.
  std::uint64_t quantile_ns(double share) const {
    const auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(count_));
    std::uint64_t seen = 0;
    for (std::size_t step = 0; step < counts_.size() && count_ > 0; ++step) {
      seen += counts_[step];
      if (seen >= std::max<std::uint64_t>(wanted, 1)) return std::min(most_ns_, end_of(step));
    }
    return most_ns_;
  }
  Durations& operator+=(const Durations& other) {
    for (std::size_t step = 0; step < counts_.size(); ++step) counts_[step] += other.counts_[step];
    count_ += other.count_;
    most_ns_ = std::max(most_ns_, other.most_ns_);
    return *this;
  }

 private:
  static constexpr std::uint64_t kLeast = 256;   // ns: what is shorter shares the first step
  static std::size_t step_of(std::uint64_t ns) {
    ns = std::clamp(ns, kLeast, kLeast << 23);
    const auto octave = static_cast<std::size_t>(std::bit_width(ns)) - 1;
    return (octave - 8) * 8 + ((ns >> (octave - 3)) & 7);
  }
  static std::uint64_t end_of(std::size_t step) { return (8 + step % 8 + 1) << (step / 8 + 8 - 3); }

  std::array<std::uint32_t, 24 * 8> counts_{};
  std::uint64_t count_ = 0, most_ns_ = 0;
};

}  // namespace sampan

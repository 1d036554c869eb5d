#include "agent/run/ticker.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace sampan {
namespace {

std::uint64_t period_of(double rate) { return static_cast<std::uint64_t>(std::llround(1e9 / std::max(rate, 0.01))); }

}  // namespace

Ticker::Ticker(std::uint64_t start_ns, double rate, unsigned seed)
    : start_(start_ns), period_(period_of(rate)), random_(seed) {}

std::uint64_t Ticker::next(std::uint64_t now) {
  const std::uint64_t current = now <= start_ ? 0 : (now - start_) / period_;
  if (current > slot_) {
    late_ += current - slot_;
    slot_ = current;
  }
  const double jitter = std::uniform_real_distribution<double>(0, 1)(random_);
  return start_ + slot_++ * period_ + static_cast<std::uint64_t>(jitter * static_cast<double>(period_));
}

void Ticker::set_rate(std::uint64_t now, double rate) {
  start_ = std::max(now, start_ + slot_ * period_);
  slot_ = 0;
  period_ = period_of(rate);
}

double Governor::govern(std::uint64_t now_ns, std::uint64_t cpu_ns, double rate) {
  constexpr std::uint64_t kSecond = 1'000'000'000;
  if (last_ns_ == 0) last_ns_ = now_ns, last_cpu_ns_ = cpu_ns;
  if (now_ns - last_ns_ < kSecond) return rate;
  const auto elapsed = static_cast<double>(now_ns - last_ns_);
  const double used = static_cast<double>(cpu_ns - last_cpu_ns_) / elapsed;
  last_ns_ = now_ns;
  last_cpu_ns_ = cpu_ns;
  const double slower = used <= share_ ? rate : std::floor(rate * share_ / used * 0.9);
  return std::max(1.0, std::min(slower, rate_of_looks(rate)));
}

double Governor::rate_of_looks(double rate) {
  constexpr std::size_t kLeastLooks = 10;
  constexpr double kMostLost = 0.2;
  constexpr double kLong = 0.25;   // of a period: looks that are shorter lose no ticks
  std::vector<std::uint64_t> looks = std::exchange(looks_, {});
  std::uint64_t longest = std::exchange(longest_unmeasured_, 0);
  if (measures_ && !looks.empty()) longest = std::max(longest, *std::max_element(looks.begin(), looks.end()));
  measures_ = static_cast<double>(longest) * rate > kLong * 1e9;
  const auto cpu = static_cast<double>(std::exchange(look_cpu_ns_, 0)), all = static_cast<double>(std::exchange(look_ns_, 0));
  if (looks.size() < kLeastLooks || cpu == 0) return rate;
  const double waits = std::max(1.0, all / cpu) / 1e9;   // seconds that a nanosecond on a processor takes
  double lost = 0;   // ticks that passed during looks
  for (const std::uint64_t look : looks) lost += std::floor(waits * static_cast<double>(look) * rate);
  if (lost < kMostLost * (static_cast<double>(looks.size()) + lost)) return rate;
  const auto nearly_longest = looks.begin() + static_cast<std::ptrdiff_t>(looks.size() * 19 / 20);
  std::nth_element(looks.begin(), nearly_longest, looks.end());
  return std::min(rate, std::floor(0.8 / (waits * static_cast<double>(*nearly_longest))));
}

}  // namespace sampan

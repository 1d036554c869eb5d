#include "agent/run/ticker.hpp"

#include <algorithm>
#include <cmath>

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
  while (true) {
    const double jitter = std::uniform_real_distribution<double>(0, 1)(random_);
    const std::uint64_t deadline = start_ + slot_++ * period_ + static_cast<std::uint64_t>(jitter * static_cast<double>(period_));
    if (deadline >= skipped_until_) return deadline;
    ++late_;
  }
}

void Ticker::set_rate(std::uint64_t now, double rate) {
  start_ = std::max(now, start_ + slot_ * period_);
  slot_ = 0;
  period_ = period_of(rate);
}

double Governor::govern(std::uint64_t now_ns, std::uint64_t cpu_ns, double rate) {
  constexpr std::uint64_t kSecond = 1'000'000'000;
  constexpr std::uint64_t kLeastLooks = 10;
  if (last_ns_ == 0) last_ns_ = now_ns, last_cpu_ns_ = cpu_ns;
  if (now_ns - last_ns_ < kSecond) return rate;
  const double used = static_cast<double>(cpu_ns - last_cpu_ns_) / static_cast<double>(now_ns - last_ns_);
  last_ns_ = now_ns;
  last_cpu_ns_ = cpu_ns;
  double slower = used <= share_ ? rate : std::floor(rate * share_ / used * 0.9);
  const auto longest = looks_.count() >= kLeastLooks ? static_cast<double>(looks_.quantile_ns(0.95)) : 0;
  looks_ = {};
  if (longest * rate > 1e9) slower = std::min(slower, std::floor(0.8e9 / longest));
  return std::max(1.0, slower);
}

}  // namespace sampan

#include "agent/run/recorder.hpp"

#include <algorithm>
#include <utility>

#include "agent/contract/clock.hpp"
#include "samplers/base/clock.hpp"
#include "samplers/base/log.hpp"

namespace sampan {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

}  // namespace

void Recorder::begin() {
  fired_ = {};
  triggers_.begin();
  until_ = next_trim_ = 0;
  told_ = false;
  begun_ = monotonic_ns();
  begun_kernel_ = now_ns();
}

bool Recorder::look(const Vitals& vitals) {
  if (!std::exchange(told_, true)) {
    if (const std::string never = triggers_.impossible(vitals.cgroup); !never.empty()) log_warning("when: {}: that does not fire", never);
  }
  const std::string why = triggers_.look(vitals);
  const bool cools = fired_at_ != 0 && vitals.at < fired_at_ + options_.cooldown * kSecond;
  if (why.empty() || cools || fired_.any()) return false;
  fired_ = {why, wall_ns(), 0};
  fired_at_ = vitals.at;
  until_ = vitals.at + options_.after * kSecond;
  log_info("when: {}: {} s more", why, options_.after);
  return true;
}

bool Recorder::over(std::uint64_t now, SamplerSet& samplers) {
  if (fired_.any()) return now >= until_;
  if (now < next_trim_) return false;
  if (next_trim_ != 0) keep(options_.before * kSecond, samplers);
  next_trim_ = now + std::clamp(options_.before * kSecond / 2, kSecond / 2, 10 * kSecond);
  return false;
}

void Recorder::cut(SamplerSet& samplers) {
  const std::uint64_t since = fired_.any() ? monotonic_ns() - fired_at_ : 0;
  keep(options_.before * kSecond + since, samplers);
  if (fired_.any()) fired_.seconds = static_cast<double>(fired_.wall_ns - std::min(fired_.wall_ns, samplers.begins_ns())) / 1e9;
}

// Samples bear the kernel's time, than which a test's own clock is faster.
void Recorder::keep(std::uint64_t ns, SamplerSet& samplers) {
  const std::uint64_t now = now_ns(), wall = wall_ns(), passed = std::max<std::uint64_t>(monotonic_ns() - begun_, 1);
  ns = static_cast<std::uint64_t>(static_cast<double>(ns) * (static_cast<double>(now - begun_kernel_) / static_cast<double>(passed)));
  samplers.forget_before(now - std::min(now, ns), wall - std::min(wall, ns));
}

}  // namespace sampan

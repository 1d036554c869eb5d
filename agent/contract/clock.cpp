#include "agent/contract/clock.hpp"

#include <fmt/format.h>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <ctime>

#include "samplers/base/clock.hpp"

namespace sampan {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
std::atomic<std::uint32_t> woken_{0};

}  // namespace

std::uint64_t monotonic_ns() { return now_ns(); }
std::uint64_t wall_ns() { return now_ns(CLOCK_REALTIME); }

std::string iso_time(std::uint64_t wall_ns) {
  const auto seconds = static_cast<std::time_t>(wall_ns / kSecond);
  std::tm tm{};
  gmtime_r(&seconds, &tm);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
                     tm.tm_min, tm.tm_sec, wall_ns / 1'000'000 % 1000);
}

void sleep_until(std::uint64_t at) {
  const timespec time{static_cast<std::time_t>(at / kSecond), static_cast<long>(at % kSecond)};
  auto* const word = reinterpret_cast<std::uint32_t*>(&woken_);
  ::syscall(SYS_futex, word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, woken_.load(), &time, nullptr, FUTEX_BITSET_MATCH_ANY);
}

void wake_sleepers() {
  ++woken_;
  ::syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&woken_), FUTEX_WAKE | FUTEX_PRIVATE_FLAG, INT_MAX, nullptr, nullptr, 0);
}

}  // namespace sampan

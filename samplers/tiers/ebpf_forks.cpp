#include "samplers/tiers/ebpf_forks.hpp"

#include <unistd.h>

#include <utility>

#include "samplers/base/clock.hpp"

namespace sampan {
namespace {

constexpr auto kWantedWithin = std::chrono::seconds(5);
constexpr std::size_t kMostRecords = 2048;           // of one process
constexpr std::size_t kMostBytes = 16 << 20;         // of all of them
constexpr std::uint64_t kForkWithin = 200'000'000;   // ns from a process's start to its fork's record

}  // namespace

bool is_fork_of(Identity id, std::uint64_t time) {
  const std::uint64_t start = id.start_time * (1'000'000'000 / static_cast<std::uint64_t>(sysconf(_SC_CLK_TCK)));
  const std::uint64_t forked = time + now_ns(CLOCK_BOOTTIME) - now_ns();
  return forked < start + kForkWithin && start < forked + kForkWithin;
}

void ForkedProcesses::add(pid_t pid, std::uint64_t time) {
  take(pid);
  forks_[pid] = {.since = std::chrono::steady_clock::now(), .time = time, .records = {}};
}

void ForkedProcesses::keep(const sampan_record& record, Bytes rest) {
  const auto found = forks_.find(static_cast<pid_t>(record.tgid));
  if (found == forks_.end()) return;
  ForkedProcess& forked = found->second;
  const std::size_t bytes = sizeof(KeptRecord) + rest.size();
  if (forked.records.size() >= kMostRecords || bytes_ + bytes > kMostBytes) {
    ++forked.dropped;
    return;
  }
  forked.records.push_back({record, {rest.begin(), rest.end()}});
  forked.bytes += bytes;
  bytes_ += bytes;
}

ForkedProcess ForkedProcesses::take(pid_t pid) {
  auto fork = forks_.extract(pid);
  if (fork.empty()) return {};
  bytes_ -= fork.mapped().bytes;
  return std::move(fork.mapped());
}

std::vector<pid_t> ForkedProcesses::expire(std::chrono::steady_clock::time_point now) {
  std::vector<pid_t> gone;
  for (const auto& [pid, forked] : forks_) {
    if (now - forked.since >= kWantedWithin) gone.push_back(pid);
  }
  for (const pid_t pid : gone) take(pid);
  return gone;
}

}  // namespace sampan

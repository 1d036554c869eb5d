#include "agent/run/chronicle.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "agent/contract/counted.hpp"
#include "samplers/process/identity.hpp"

namespace sampan {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::size_t kMostSeen = 4096;
constexpr std::uint64_t kYoung = 5 * kSecond;

double seconds(std::int64_t before, std::int64_t now, double unit) { return before < 0 || now < before ? -1 : static_cast<double>(now - before) * unit; }
std::int64_t grown(std::int64_t before, std::int64_t now) { return before < 0 || now < before ? -1 : now - before; }

}  // namespace

void Chronicle::put_cgroup(const Vitals& now, std::uint64_t at, double ns) {
  const CgroupCounts &before = last_.cgroup, &after = now.cgroup;
  const auto put = [&](const char* name, std::int64_t from, std::int64_t to, double unit) {
    if (const double share = seconds(from, to, unit); share >= 0) profile_.timeline.put(name, at, 100 * share / ns);
  };
  put("throttled", before.throttled_ns, after.throttled_ns, 1);
  if (after.memory >= 0 && after.memory_limit > 0) {
    profile_.timeline.put("memory of limit", at, 100 * static_cast<double>(after.memory) / static_cast<double>(after.memory_limit));
  }
  put("waits for CPU", before.cpu_pressure_us, after.cpu_pressure_us, 1e3);
  put("waits for memory", before.memory_pressure_us, after.memory_pressure_us, 1e3);
  put("waits for I/O", before.io_pressure_us, after.io_pressure_us, 1e3);
  const std::int64_t killed = grown(before.oom_kills, after.oom_kills);
  if (killed > 0) profile_.timeline.mark(at, counted(static_cast<std::uint64_t>(killed), "process", "processes") + " of the cgroup killed for want of memory");
}

void Chronicle::take(const Vitals& vitals) {
  most_memory_ = std::max(most_memory_, vitals.cgroup.memory);
  if (!seen_.empty() && vitals.at > last_.at) {
    const auto ns = static_cast<double>(vitals.at - last_.at);
    const std::uint64_t at = since(vitals.at);
    profile_.timeline.put("CPU", at, 100 * static_cast<double>(vitals.cpu_ns - last_.cpu_ns) / ns);
    put_cgroup(vitals, at, ns);
  }
  if (seen_.empty() || (forgets_ && vitals.at >= seen_.back().at + kSecond)) seen_.push_back(vitals);
  while (seen_.size() > 1 && (since(seen_[1].at) == 0 || seen_.size() > kMostSeen)) seen_.pop_front();
  last_ = vitals;
}

void Chronicle::note_processes(std::uint64_t at, const std::vector<ProcessReport>& reports, std::span<const pid_t> pids) {
  const bool first = !std::exchange(begun_, true);
  const auto here = [&](pid_t pid) { return std::binary_search(pids.begin(), pids.end(), pid); };
  for (const pid_t pid : pids) {
    if (processes_.contains(pid)) continue;
    const auto report = std::find_if(reports.rbegin(), reports.rend(), [&](const ProcessReport& r) { return r.id.pid == pid; });
    const std::string name = fmt::format("process {}{}", pid, report == reports.rend() ? "" : " `" + report->name.substr(0, 60) + "`");
    processes_[pid] = name;
    // A crowd is taken in bit by bit: those that were there before did not come now.
    if (!first && (report == reports.rend() || age_ns(report->id) < kYoung)) mark(at, name + " came");
  }
  std::erase_if(processes_, [&](const auto& item) {
    if (here(item.first)) return false;
    mark(at, item.second + " ended");
    return true;
  });
}

void Chronicle::mark(std::uint64_t at, std::string text) { profile_.timeline.mark(since(at), std::move(text)); }

CgroupUse Chronicle::use() const {
  CgroupUse use;
  if (seen_.empty()) return use;
  const CgroupCounts &before = seen_.front().cgroup, &after = last_.cgroup;
  use.periods = grown(before.periods, after.periods);
  use.throttled_periods = grown(before.throttled, after.throttled);
  use.throttled_seconds = seconds(before.throttled_ns, after.throttled_ns, 1e-9);
  use.cpu_seconds = seconds(before.cpu_ns, after.cpu_ns, 1e-9);
  use.cores = after.cpus_quota_milli > 0 ? static_cast<double>(after.cpus_quota_milli) / 1000 : -1;
  use.memory_bytes = most_memory_;
  use.memory_limit_bytes = after.memory_limit;
  use.oom_kills = grown(before.oom_kills, after.oom_kills);
  use.cpu_pressure_seconds = seconds(before.cpu_pressure_us, after.cpu_pressure_us, 1e-6);
  use.memory_pressure_seconds = seconds(before.memory_pressure_us, after.memory_pressure_us, 1e-6);
  use.io_pressure_seconds = seconds(before.io_pressure_us, after.io_pressure_us, 1e-6);
  return use;
}

}  // namespace sampan

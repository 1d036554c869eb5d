#include "agent/run/vitals.hpp"

#include <unistd.h>

#include <string>

#include "samplers/process/identity.hpp"
#include "samplers/process/records.hpp"

namespace sampan {

Vitals VitalSigns::look(std::uint64_t now, std::span<const pid_t> pids) {
  const auto per_tick = 1'000'000'000u / static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  std::map<pid_t, std::uint64_t> ticks;
  for (const pid_t pid : pids) {
    const auto stat = parse_stat(read_record("/proc/" + std::to_string(pid) + "/stat", 4096).value_or(""));
    if (!stat) continue;
    const auto before = ticks_.find(pid);
    if (before == ticks_.end()) cgroups_.follow(pid);
    else if (stat->cpu_ticks > before->second) cpu_ns_ += (stat->cpu_ticks - before->second) * per_tick;
    ticks[pid] = stat->cpu_ticks;
  }
  ticks_ = std::move(ticks);
  return {now, cpu_ns_, cgroups_.read()};
}

}  // namespace sampan

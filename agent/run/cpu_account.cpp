#include "agent/run/cpu_account.hpp"

#include <unistd.h>

#include <set>
#include <vector>

#include "agent/target/pids.hpp"
#include "samplers/process/records.hpp"

namespace sampan {
namespace {

std::uint64_t grown(std::uint64_t now, std::uint64_t then) { return now > then ? now - then : 0; }

}  // namespace

CpuAccount::Table CpuAccount::read() const {
  Table table;
  for (const pid_t pid : all_pids(proc_)) {
    const auto stat = parse_stat(read_record(proc_ + "/" + std::to_string(pid) + "/stat", 4096).value_or(""));
    if (stat) table[{pid, stat->start_time}] = {stat->parent, stat->cpu_ticks, stat->child_ticks};
  }
  return table;
}

CpuUse CpuAccount::use_of(const std::vector<ProcessReport>& reports) const {
  const Table now = read();
  std::set<Identity> sampled;
  std::set<pid_t> roots;
  for (const ProcessReport& report : reports) {
    if (report.tier.empty()) continue;
    sampled.insert(report.id);
    roots.insert(report.id.pid);
  }
  std::map<pid_t, pid_t> parents;
  for (const auto& [id, spent] : now) parents[id.pid] = spent.parent;
  const auto descends = [&](pid_t pid) {
    for (int level = 0; level < 64 && pid > 1; ++level) {
      pid = parents.contains(pid) ? parents[pid] : 0;
      if (roots.contains(pid)) return true;
    }
    return false;
  };
  std::uint64_t targets = 0, children = 0;
  for (const auto& [id, spent] : now) {
    const auto found = before_.find(id);
    const Spent then = found == before_.end() ? Spent{} : found->second;
    const bool target = sampled.contains(id);
    if (target) targets += grown(spent.own, then.own);
    if (!target && descends(id.pid)) children += grown(spent.own, then.own) + grown(spent.children, then.children);
    if (target) children += grown(spent.children, then.children);
  }
  const double ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  return {static_cast<double>(targets) / ticks, static_cast<double>(children) / ticks};
}

}  // namespace sampan

#include "agent/target/process_tree.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "agent/target/pids.hpp"
#include "samplers/process/files.hpp"
#include "samplers/process/records.hpp"

namespace sampan {
namespace {

constexpr std::size_t kMostProcesses = 1 << 20;
constexpr std::size_t kMostChildrenText = 1 << 20;

}  // namespace

bool ProcessTree::asked_for(pid_t pid) const { return std::find(pids_.begin(), pids_.end(), pid) != pids_.end(); }

std::optional<ProcessStat> ProcessTree::stat_of(pid_t pid) const {
  const auto stat = parse_stat(read_record(proc_ + "/" + std::to_string(pid) + "/stat", 4096).value_or(""));
  return stat && stat->state != 'Z' && stat->state != 'X' ? stat : std::nullopt;
}

bool ProcessTree::take(pid_t pid) {
  const auto stat = stat_of(pid);
  return stat && members_.size() < kMostProcesses && members_.try_emplace(pid, stat->start_time).second;
}

std::vector<pid_t> ProcessTree::look() {
  std::erase_if(members_, [&](const auto& member) {
    const auto stat = stat_of(member.first);
    return !stat || stat->start_time != member.second;
  });
  for (const pid_t pid : pids_) {
    const auto stat = stat_of(pid);
    if (!stat || starts_.try_emplace(pid, stat->start_time).first->second != stat->start_time) continue;
    members_[pid] = stat->start_time;
  }
  std::vector<pid_t> fresh;
  for (const auto& [pid, start] : members_) fresh.push_back(pid);
  const bool tells = ::access((proc_ + "/self/task/" + std::to_string(getpid()) + "/children").c_str(), R_OK) == 0;
  if (descendants_ && !tells) scan(fresh);
  while (descendants_ && tells && !fresh.empty()) {
    const pid_t pid = fresh.back();
    fresh.pop_back();
    take_children_of(pid, fresh);
  }
  std::vector<pid_t> pids;
  for (const auto& [pid, start] : members_) pids.push_back(pid);
  return pids;
}

// Each thread has children of its own (CONFIG_PROC_CHILDREN).
void ProcessTree::take_children_of(pid_t pid, std::vector<pid_t>& fresh) {
  const std::string tasks = proc_ + "/" + std::to_string(pid) + "/task";
  for (const pid_t tid : all_pids(tasks)) {
    const std::string text = read_file(tasks + "/" + std::to_string(tid) + "/children", kMostChildrenText).value_or("");
    const char* at = text.data();
    const char* const end = at + text.size();
    pid_t child = 0;
    for (auto got = std::from_chars(at, end, child); got.ec == std::errc{}; got = std::from_chars(at, end, child)) {
      if (take(child)) fresh.push_back(child);
      at = got.ptr + (got.ptr != end);
    }
  }
}

// Where the kernel does not tell a process's children, each process tells its parent.
void ProcessTree::scan(std::vector<pid_t>& fresh) {
  std::multimap<pid_t, pid_t> children;
  for (const pid_t pid : all_pids(proc_)) {
    if (const auto stat = stat_of(pid)) children.emplace(stat->parent, pid);
  }
  while (!fresh.empty()) {
    const auto [from, to] = children.equal_range(fresh.back());
    fresh.pop_back();
    for (auto child = from; child != to; ++child) {
      if (take(child->second)) fresh.push_back(child->second);
    }
  }
}

}  // namespace sampan

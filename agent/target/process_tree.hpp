// The processes that were asked for by number, and what they started: a number is the process that bore it first, never a
// later one, and a child stays its own when its parent has ended.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "samplers/process/identity.hpp"

namespace sampan {

class ProcessTree {
 public:
  // `proc` is where procfs is mounted. Without `descendants` it is the processes themselves.
  ProcessTree(std::vector<pid_t> pids, bool descendants, std::string proc)
      : pids_(std::move(pids)), descendants_(descendants), proc_(std::move(proc)) {}

  // Those that live now, by pid; a process whose parents all ended between two looks is not found.
  std::vector<pid_t> look();
  // Whether it was asked for by its own number.
  bool asked_for(pid_t pid) const;

 private:
  std::optional<ProcessStat> stat_of(pid_t pid) const;
  bool take(pid_t pid);
  void take_children_of(pid_t pid, std::vector<pid_t>& fresh);
  void scan(std::vector<pid_t>& fresh);

  std::vector<pid_t> pids_;
  bool descendants_;
  std::string proc_;
  std::map<pid_t, std::uint64_t> starts_;     // of those asked for, when they were seen first
  std::map<pid_t, std::uint64_t> members_;    // with their start times
};

}  // namespace sampan

// Processes that a target forked: the kernel samples them from their start on, and their records are kept until it is
// known whether they are wanted. Bounded in time and bytes.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "samplers/base/cursor.hpp"
#include "samplers/process/process.hpp"
#include "samplers/tiers/ebpf.h"

namespace sampan {

struct KeptRecord {
  sampan_record record;
  std::vector<std::byte> rest;
};

struct ForkedProcess {
  std::chrono::steady_clock::time_point since;
  std::uint64_t time = 0;            // of the fork, CLOCK_MONOTONIC, ns
  std::vector<KeptRecord> records;   // in the order in which they came
  std::uint64_t dropped = 0;         // records for which there was no room
  std::size_t bytes = 0;
};

// Whether the fork at that time (CLOCK_MONOTONIC, ns) made this very process: its number may have been another's.
bool is_fork_of(Identity id, std::uint64_t time);

class ForkedProcesses {
 public:
  bool contains(pid_t pid) const { return forks_.contains(pid); }
  // Replaces an older process of that number.
  void add(pid_t pid, std::uint64_t time);
  // A record of a process that is not here is not kept.
  void keep(const sampan_record& record, Bytes rest);
  // Gives the process's records away; empty, with time 0, where it is not here.
  ForkedProcess take(pid_t pid);
  // Lets go of those that nobody took in time, and says which.
  std::vector<pid_t> expire(std::chrono::steady_clock::time_point now);

 private:
  std::map<pid_t, ForkedProcess> forks_;
  std::size_t bytes_ = 0;            // of all of them
};

}  // namespace sampan

// How much processor time the targets used, and what they started: what samples should have covered.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "agent/result/run_result.hpp"
#include "samplers/process/identity.hpp"

namespace sampan {

// Reads every process of /proc at the start and at the end: all threads, user and system, as the kernel counts it (in
// ticks of 10 ms). What a process used after the last look that found it alive is not counted.
class CpuAccount {
 public:
  explicit CpuAccount(std::string proc = "/proc") : proc_(std::move(proc)) {}

  void start() { before_ = read(); }
  // Of those processes that were sampled, and of what they started.
  CpuUse use_of(const std::vector<ProcessReport>& reports) const;

 private:
  struct Spent {
    pid_t parent = 0;
    std::uint64_t own = 0, children = 0;   // ticks
  };
  using Table = std::map<Identity, Spent>;
  Table read() const;

  std::string proc_;
  Table before_;
};

}  // namespace sampan

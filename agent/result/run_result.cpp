#include "agent/result/run_result.hpp"

#include <sys/resource.h>

#include <algorithm>

namespace sampan {
namespace {

double kernel_seconds = 0;

}  // namespace

const char* ended_name(Ended ended) {
  switch (ended) {
    case Ended::Time: return "time";
    case Ended::Signal: return "signal";
    case Ended::TargetsGone: return "targets_gone";
    case Ended::Memory: return "memory";
    case Ended::Stuck: return "stuck";
  }
  return "";
}

const char* ended_sentence(Ended ended) {
  if (ended == Ended::Memory) return "the agent's memory budget was used up (max_memory_mb)";
  if (ended == Ended::Stuck) return "a target's memory or file system does not answer";
  return "";
}

Cost own_cost() {
  const auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; };
  Cost cost;
  for (const int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {   // sampling is done by a process beside
    rusage usage{};
    getrusage(who, &usage);
    cost.cpu_seconds += seconds(usage.ru_utime) + seconds(usage.ru_stime);
    cost.rss_bytes = std::max(cost.rss_bytes, static_cast<std::uint64_t>(usage.ru_maxrss) * 1024);
  }
  cost.kernel_seconds = kernel_seconds;
  cost.cpu_seconds += kernel_seconds;
  return cost;
}

void add_kernel_cost(const KernelCost& cost) { kernel_seconds += static_cast<double>(cost.run_ns) / 1e9; }

RunResult failed(const Error& error) {
  RunResult outcome;
  outcome.code = error.code;
  outcome.sentence = error.message;
  return outcome;
}

}  // namespace sampan

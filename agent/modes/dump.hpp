// The mode `dump`: every thread's stack, once.
#pragma once

#include <string>
#include <vector>

#include "agent/contract/stages.hpp"
#include "agent/result/progress.hpp"
#include "agent/result/run_result.hpp"

namespace sampan {

struct ThreadDump {
  pid_t tid = 0;
  std::string name;
  bool running = false;
  bool lock = false;                    // holds the interpreter's lock
  std::vector<std::string> frames;      // outermost first; empty: none that the tier could see
};
struct ProcessDump {
  pid_t pid = 0;
  std::string name, runtime;
  std::vector<ThreadDump> threads;
};

// As text, innermost frame first.
std::string dump_text(const std::vector<ProcessDump>& processes);

RunResult run_dump(const TargetKeys& keys, const SamplingOptions& sampling, Progress& progress);

}  // namespace sampan

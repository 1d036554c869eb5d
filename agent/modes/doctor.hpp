// Preflight: tries what sampling needs, and says of each thing that is missing which line of the manifest gives it.
#pragma once

#include <string>
#include <vector>

#include "agent/contract/stages.hpp"
#include "agent/result/progress.hpp"
#include "agent/result/run_result.hpp"

namespace sampan {

struct Check {
  enum State : std::uint8_t { Ok, Missing, Optional };   // Optional: not there, and more would be seen with it
  std::string name;
  State state = Ok;
  std::string sentence;
  std::string manifest;      // the line that gives it; empty where it is there or nothing gives it
};

// What sampling cannot do without: host processes, capability, LSM, seccomp, kernel. Quick: tried after a refusal, too.
std::vector<Check> check_needs(const TargetKeys& keys);

// A NotPermitted error with what is missing and the manifest's line; others as they are.
Error explained(Error error, const TargetKeys& keys);

// The mode `doctor`: all of it, tiers and output folder included.
RunResult run_doctor(const TargetKeys& keys, const Options& sampling, const DeliveryOptions& delivery, Progress& progress);

}  // namespace sampan

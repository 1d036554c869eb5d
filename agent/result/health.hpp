// How the agent itself fares, profile after profile, as Prometheus text: for node_exporter's textfile collector, so that no port
// need be open. Labels are few: never a process, a pod or an address.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "agent/result/run_result.hpp"

namespace sampan {

class Health {
 public:
  // Counts one profile's result.
  void count(const RunResult& outcome, std::uint64_t wall_seconds);
  // All figures since the agent began, in the text format 0.0.4.
  std::string text() const;

 private:
  std::uint64_t profiles_ = 0, failed_profiles_ = 0, samples_ = 0, seconds_of_last_ = 0;
  int code_of_last_ = 0;
  Quality sum_;                                  // of figures that add up
  std::uint64_t delivered_ = 0, refused_ = 0, undelivered_ = 0;
  SpoolState spool_;
  std::map<std::string, std::uint64_t> sampled_;      // processes of the last profile, by `runtime="…",tier="…"`
  std::map<std::string, std::uint64_t> unsampled_;    // and those that were not sampled, by `runtime="…",reason="…"`
};

}  // namespace sampan

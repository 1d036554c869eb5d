// What the names of one profile's files and objects are made of.
#pragma once

#include <cstdint>
#include <string>

#include "agent/contract/stages.hpp"
#include "agent/delivery/templates.hpp"
#include "agent/result/run_result.hpp"

namespace sampan {

// The same for all files of one profile.
struct Batch {
  std::string app_name, version_id;
  std::string pod, node;      // the agent's own
  std::uint64_t started_ns = 0, duration_ns = 0;   // wall clock
  // The same for every try of one Job, where SAMPAN_RUN gives it, and no other's: an Indexed Job's pods differ by their
  // index, profiles of a series by the second in which they began.
  std::string run;
  std::string index;          // of an Indexed Job's pod; else "0"
  unsigned rate = 0;
  bool series = false;        // one profile of several
  bool parts = false;         // several results of one profile (split_by)
};
Batch batch_of(const TargetKeys& target, unsigned rate, bool series, std::uint64_t started_ns, std::uint64_t duration_ns);

// The same run's next profile, for the question what differs then.
Batch next_of(const Batch& batch);

// The words that templates know.
Words words_of(const Batch& batch, const Artifact& file);

// The same for every try to deliver this file, and, with SAMPAN_RUN, for every try of the same Job; no two files of a series
// or of an Indexed Job share one.
std::string idempotency_key(const Batch& batch, const Artifact& file);

}  // namespace sampan

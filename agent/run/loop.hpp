// The loop: one clock for all processes. Workers that come while sampling are taken in, those that end let go.
#pragma once

#include <functional>

#include "agent/contract/stages.hpp"
#include "agent/result/run_result.hpp"
#include "agent/run/recorder.hpp"
#include "agent/target/discovery.hpp"

namespace sampan {

// How far the loop is, after a tick.
struct Moment {
  double elapsed = 0;          // seconds
  double achieved_rate = 0;    // samples a second of a thread that runs, see Sampled
  Quality quality;
  std::size_t processes = 0;   // sampled now
  const std::vector<ProcessReport>& reports;
  std::function<void()> resolve;   // names what is not named yet
};

// What looks on, from the process that samples: `begin` once before the first tick, `tick` after each; where `tick` returns
// false the loop ends.
struct RunObserver {
  std::function<void(std::size_t processes, const std::string& tiers)> begin;
  std::function<bool(const Moment&)> tick;
};

// Samples until the time is over, a signal came, the targets are gone, or one of them keeps a read waiting for ever. When it
// returns, nothing of a target is stopped or traced any more. Fails where nothing could be sampled.
// With a recorder: until it fires and its time is over; the profile holds what it keeps.
Result<Sampled> sample(const SamplingOptions& options, Discovery& discovery, Profile& profile, const RunObserver& observer,
                       Recorder* recorder = nullptr);

}  // namespace sampan

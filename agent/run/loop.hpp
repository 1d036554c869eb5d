// The loop: one clock for all processes. Workers that come while sampling are taken in, those that end let go.
#pragma once

#include <functional>

#include "agent/contract/stages.hpp"
#include "agent/result/run_result.hpp"
#include "agent/target/discovery.hpp"

namespace sampan {

// How far the loop is, after a tick.
struct Moment {
  double elapsed = 0;          // seconds
  double achieved_rate = 0;
  Quality quality;
  std::size_t processes = 0;   // sampled now
  std::function<void()> resolve;   // names what is not named yet
};

// What looks on: `begin` once before the first tick, `tick` after each; where `tick` returns false the loop ends.
struct RunObserver {
  std::function<void(std::size_t processes, const std::string& tiers)> begin;
  std::function<bool(const Moment&)> tick;
  // Called on another thread where a target keeps a read waiting for ever; the process ends after it.
  std::function<void(const Sampled&)> stuck;
};

// Samples until the time is over, a signal came, or the targets are gone. Fails where nothing could be sampled.
Result<Sampled> sample(const SamplingOptions& options, Discovery& discovery, Profile& profile, const RunObserver& watch);

}  // namespace sampan

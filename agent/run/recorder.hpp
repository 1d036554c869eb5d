// The flight recorder: keeps the last seconds of what is sampled, until something happens; then a few seconds more.
#pragma once

#include <cstdint>

#include "agent/contract/recorder.hpp"
#include "agent/result/run_result.hpp"
#include "agent/run/sampler_set.hpp"
#include "agent/run/triggers.hpp"

namespace sampan {

// One for all recordings of a run: what happened before one ended does not fire the next.
class Recorder {
 public:
  // The options outlive it.
  explicit Recorder(const RecorderOptions& options) : options_(options), triggers_(options) {}

  // A recording begins (again).
  void begin();
  std::uint64_t look_every() const { return triggers_.every(); }
  // After each look at the targets: whether it fires now.
  bool look(const Vitals& vitals);
  // After each tick: forgets what is older than is kept; true where the recording is over.
  bool over(std::uint64_t now, SamplerSet& samplers);
  // At the end of sampling: leaves what lies in the recording.
  void cut(SamplerSet& samplers);
  const Fired& fired() const { return fired_; }

 private:
  void keep(std::uint64_t seconds_ns, SamplerSet& samplers);

  const RecorderOptions& options_;
  Triggers triggers_;
  Fired fired_;
  std::uint64_t fired_at_ = 0;      // of the last time, monotonic ns; 0: never
  std::uint64_t until_ = 0, next_trim_ = 0;
  std::uint64_t begun_ = 0, begun_kernel_ = 0;   // by the agent's clock, by the samples'
  bool told_ = false;
};

}  // namespace sampan

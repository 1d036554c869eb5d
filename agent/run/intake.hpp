// Which processes are taken in, when, and which are looked at again: workers that come, programs that are still starting,
// crowds taken in bit by bit.
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "agent/contract/stages.hpp"
#include "agent/run/sampler_set.hpp"
#include "agent/target/discovery.hpp"

namespace sampan {

class Intake {
 public:
  // All three outlive it.
  Intake(const SamplingOptions& options, Discovery& discovery, SamplerSet& samplers)
      : options_(options), discovery_(discovery), samplers_(samplers) {}

  // Before the first tick; waits a second, or `wait_seconds`, for a target to appear. Fails where nothing can be sampled.
  Result<void> take_first();
  // Lets those go that ended, takes in those that came; does nothing until a look is due (monotonic ns).
  void look(std::uint64_t now);
  // A process may have ended: the next look is due soon.
  void hurry(std::uint64_t now);
  // Whether more processes may come; and whether they may though none is left.
  bool may_grow() const { return options_.children && discovery_.may_grow(); }
  bool may_return() const { return options_.children && discovery_.may_return(); }
  std::size_t skipped() const { return skipped_.size(); }

 private:
  struct Again {
    Found found;
    std::uint64_t at;                   // monotonic nanoseconds
    unsigned tries;
  };
  std::vector<Found> wait_for_target();
  void discover();
  void take_new(const std::vector<Found>& found);
  void look_again(std::uint64_t now);
  void skip(const Found& found);
  bool took_long(std::uint64_t since) const;
  Error nobody_taken() const;

  const SamplingOptions& options_;
  Discovery& discovery_;
  SamplerSet& samplers_;
  std::vector<Found> known_;            // taken, or tried in vain
  std::vector<Again> again_;            // of those, what is to be looked at once more
  std::set<Identity> first_;            // those of the first look
  std::set<Identity> skipped_;
  bool sampling_ = false;
  std::uint64_t next_look_ = 0;
};

}  // namespace sampan

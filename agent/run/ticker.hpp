// Absolute deadlines with jitter: time is cut into slots of one period, and each slot has one deadline anywhere in it, so
// that every moment of a target's own rhythm is as likely. Slots that are past are skipped, never caught up.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

namespace sampan {

class Ticker {
 public:
  Ticker(std::uint64_t start_ns, double rate, unsigned seed);

  // The next deadline, in a slot that does not end before `now`.
  std::uint64_t next(std::uint64_t now);
  // From `now` on, slots are of another length.
  void set_rate(std::uint64_t now, double rate);
  // Slots skipped so far.
  std::uint64_t late() const { return late_; }

 private:
  std::uint64_t start_;
  std::uint64_t period_;
  std::uint64_t slot_ = 0;     // the next one
  std::uint64_t late_ = 0;
  std::minstd_rand random_;
};

// The overhead governor: looks at the agent's own processor time and at how long its looks at the targets last, once a
// second, and says when to go slower.
class Governor {
 public:
  explicit Governor(unsigned max_cpu_percent) : share_(max_cpu_percent / 100.0) {}
  // A look at all targets is over: how long it took, and how much of that on a processor. Looks at deep stacks last longest:
  // where they outlast a period, the ticks that pass meanwhile are lost in deep stacks only, which would come out rarer
  // than they are. What a look waits for a processor has nothing to do with its stacks: only how much all of them do counts.
  void looked(std::uint64_t ns, std::uint64_t cpu_ns) {
    looks_.push_back(cpu_ns);
    look_ns_ += ns;
    look_cpu_ns_ += cpu_ns;
  }
  // The same where its processor time was not measured, since no look was long of late: that costs two system calls.
  void looked(std::uint64_t ns) { longest_unmeasured_ = std::max(longest_unmeasured_, ns); }
  bool measures() const { return measures_; }
  // The rate to go on with: lower than `rate` where the last second cost more than allowed, or where a fifth of its
  // ticks passed during looks: then nineteen looks in twenty are to fit into a period.
  double govern(std::uint64_t now_ns, std::uint64_t cpu_ns, double rate);

 private:
  double rate_of_looks(double rate);

  double share_;
  std::vector<std::uint64_t> looks_;                              // on a processor
  std::uint64_t look_ns_ = 0, look_cpu_ns_ = 0;   // of all since the last judgement
  std::uint64_t longest_unmeasured_ = 0;          // since then
  bool measures_ = false;
  std::uint64_t last_ns_ = 0;
  std::uint64_t last_cpu_ns_ = 0;
};

}  // namespace sampan

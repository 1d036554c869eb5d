// What one target may take of a tick. One whose threads take long to look at, or are made to, is broken off and goes on
// where it was at its next turn; among several targets it then rests, so that the others are not starved.
#pragma once

#include <sys/types.h>

#include <chrono>

namespace sampan {

class TickBudget {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr auto kMost = std::chrono::milliseconds(100);    // of one turn, to the end of a thread's walk
  static constexpr auto kFree = std::chrono::milliseconds(20);     // no rest up to here
  static constexpr int kRest = 4;                                  // times what a look takes on average
  static constexpr int kAverage = 8;                               // looks, about, that this average is of

  bool rests(Clock::time_point now) const { return now < until_; }

  // Looks at every thread of an ordered map once, in turns: `look(thread)` until time is up. Returns how many were left
  // out. What was done for the target since `since` counts towards its rest.
  template <typename Threads, typename Look>
  std::size_t take(Threads& threads, Clock::time_point since, bool alone, Look look) {
    const auto begun = Clock::now();
    auto now = begun;
    auto at = threads.lower_bound(next_);
    std::size_t left = threads.size();
    for (; left > 0 && now - begun < kMost; --left, ++at) {
      if (at == threads.end()) at = threads.begin();
      look(at->second);
      now = Clock::now();
    }
    next_ = left > 0 && at != threads.end() ? at->first : 0;
    // Not by this one look: rests after slow looks only would make what is slow to look at (a deep stack) rare, and one that
    // was kept from its processor for once is no reason to rest.
    average_ = average_.count() == 0 ? now - since : average_ + (now - since - average_) / kAverage;
    if (!alone && average_ > kFree) until_ = now + kRest * average_;
    return left;
  }

 private:
  pid_t next_ = 0;               // where the next turn begins
  Clock::time_point until_{};
  Clock::duration average_{};
};

}  // namespace sampan

// When a destination is tried again: pure decisions, by a clock (seconds) and chance, so that a thousand agents that waited
// for one server do not come to it at once.
#pragma once

#include <optional>

namespace sampan {

class Pace {
 public:
  static constexpr double kFirstWait = 1, kLongestWait = 300;   // seconds
  static constexpr double kBetween = 0.5;                        // the mean between two sendings of what had to wait
  static constexpr double kSpread = 30;                          // agents that work in step arrive within it

  // The earliest time of the next attempt.
  double due() const { return due_; }
  unsigned failures() const { return failures_; }

  // `random` in [0, 1). After a failure: twice as long as the last time, or as the server asks, with jitter.
  void failed(double now, double random, std::optional<double> asked);
  // `more` waits: after an outage it goes out bit by bit, else at once.
  void succeeded(double now, double random, bool more);
  // A file comes where none waited. Once there was an outage each agent has a moment of its own for it, within kSpread: those
  // that the same outage ended for work in step.
  void arrived(double now);

 private:
  double due_ = 0;
  unsigned failures_ = 0;
  bool recovering_ = false;
  double own_moment_ = 0;
};

}  // namespace sampan

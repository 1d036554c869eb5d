// When samples were taken: per thread (moment, node of the tree, weight), beside the tree that merges them. A sample takes
// 8 bytes, where samples weigh time (waits) 12; over a million of them moments become coarser and weights are summed.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "flamegraph/ids.hpp"

namespace sampan {

struct TimedSample {
  std::uint32_t at;   // in Moments::tick_ns() from its start; of a wait, where it began
  NodeId node;
  bool operator==(const TimedSample&) const = default;
};

// One thread's. Ordered by time.
struct Lane {
  FrameId process = 0, thread = 0;          // their frames; both 0: threads that came when there were kMostLanes already
  std::vector<TimedSample> moments;
  std::vector<std::uint32_t> weights{};     // samples, or microseconds where the profile counts nanoseconds; empty: each is 1
  std::uint64_t rest_ns = 0;                // of weights, less than a microsecond

  std::uint32_t weight(std::size_t at) const { return weights.empty() ? 1 : weights[at]; }
};

class Moments {
 public:
  static constexpr std::uint64_t kTickNs = 100'000;
  static constexpr std::size_t kMost = 1'000'000, kMostLanes = 4096;

  // Moments are kept from now on, which is `start`: the same instant by both clocks. Called again, it moves the start on.
  void begin(std::uint64_t monotonic_ns, std::uint64_t wall_ns, std::uint64_t tick_ns = kTickNs);
  void want() { wanted_ = true; }                     // who samples is to begin()
  bool wanted() const { return wanted_; }
  void end();                                        // keeps none any longer, and forgets those that there are
  bool kept() const { return kept_; }
  bool any() const { return size_ != 0; }
  std::size_t size() const { return size_; }
  // True where there were so many that the tick had to grow beyond what is left of a profile's length: none are kept.
  bool given_up() const { return given_up_; }
  bool coarser() const { return coarser_; }          // the tick was doubled, at least once

  // The lane of a thread; only for who is about to add to it.
  LaneId lane(FrameId process, FrameId thread);
  // Weights of nanoseconds are given in them (`of_time`).
  void add(LaneId lane, std::uint64_t monotonic_ns, NodeId node, std::uint64_t weight, bool of_time);
  // Takes back the lane's newest sample of that node: it was judged afterwards.
  void take_back(LaneId lane, NodeId node);
  // As it was read: the moment since the start, the weight as a lane holds it.
  void put(LaneId lane, std::uint64_t since_ns, NodeId node, std::uint32_t weight);
  // Lets the start be as early as this instant of the wall clock, to a tick.
  void reach_back(std::uint64_t wall_ns);
  // Keeps what is at or after this instant (given by both clocks), which is the new start: of a wait (`of_time`) its part.
  // Lanes without samples go, so that the others' ids change.
  void forget_before(std::uint64_t monotonic_ns, std::uint64_t wall_ns, bool of_time);
  // After the tree was made anew: node `id` is now `moved[id]`.
  void remap(std::span<const NodeId> moved);

  std::uint64_t start_ns() const { return start_wall_; }    // since the epoch
  std::uint64_t since(std::uint64_t monotonic_ns) const { return monotonic_ns > start_ ? monotonic_ns - start_ : 0; }
  std::uint64_t tick_ns() const { return tick_; }
  std::uint64_t end_ns() const;                             // since the start: where the last one ends
  std::span<const Lane> lanes() const { return lanes_; }

 private:
  void push(Lane& lane, TimedSample moment, std::uint32_t weight);
  void coarsen();

  std::vector<Lane> lanes_;
  std::uint64_t start_ = 0, start_wall_ = 0, tick_ = kTickNs;
  std::size_t size_ = 0;
  bool wanted_ = false, kept_ = false, given_up_ = false, coarser_ = false;
};

}  // namespace sampan

#include "flamegraph/time.hpp"

#include <algorithm>

namespace sampan {
namespace {

constexpr std::uint64_t kMostTicks = std::uint64_t{1} << 31, kFewestTicks = 64, kMicrosecond = 1000;

// Vectors that double would take up to twice what is in them.
template <typename T>
void grow_for(std::vector<T>& list) {
  if (list.size() == list.capacity()) list.reserve(list.size() + std::max<std::size_t>(16, list.size() / 8));
}

// Halves a lane's resolution: what is in one tick and on one node then is one.
void halve(Lane& lane) {
  std::vector<std::pair<TimedSample, std::uint32_t>> all;
  all.reserve(lane.moments.size());
  for (std::size_t i = 0; i < lane.moments.size(); ++i) {
    all.emplace_back(TimedSample{lane.moments[i].at / 2, lane.moments[i].node}, lane.weight(i));
  }
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return a.first.at != b.first.at ? a.first.at < b.first.at : a.first.node < b.first.node;
  });
  lane.moments.clear();
  lane.weights.clear();
  for (const auto& [moment, weight] : all) {
    const bool same = !lane.moments.empty() && lane.moments.back() == moment;
    if (same && lane.weights.back() <= UINT32_MAX - weight) {
      lane.weights.back() += weight;
      continue;
    }
    lane.moments.push_back(moment);
    lane.weights.push_back(weight);
  }
  if (std::all_of(lane.weights.begin(), lane.weights.end(), [](std::uint32_t w) { return w == 1; })) lane.weights.clear();
  lane.moments.shrink_to_fit();
  lane.weights.shrink_to_fit();
}

}  // namespace

void Moments::begin(std::uint64_t monotonic_ns, std::uint64_t wall_ns, std::uint64_t tick_ns) {
  for (Lane& lane : lanes_) {
    for (TimedSample& m : lane.moments) m.at = 0;
  }
  start_ = monotonic_ns;
  start_wall_ = wall_ns;
  tick_ = std::max<std::uint64_t>(tick_ns, 1);
  kept_ = true;
}

void Moments::end() {
  *this = {};
}

LaneId Moments::lane(FrameId process, FrameId thread) {
  const auto same = [&](const Lane& lane) { return lane.process == process && lane.thread == thread; };
  if (const auto found = std::find_if(lanes_.rbegin(), lanes_.rend(), same); found != lanes_.rend()) {
    return static_cast<LaneId>(lanes_.rend() - found - 1);
  }
  if (lanes_.size() >= kMostLanes && (process != 0 || thread != 0)) return lane(0, 0);
  lanes_.push_back({process, thread, {}});
  return static_cast<LaneId>(lanes_.size() - 1);
}

void Moments::add(LaneId id, std::uint64_t monotonic_ns, NodeId node, std::uint64_t weight, bool of_time) {
  if (!kept_) return;
  Lane& lane = lanes_[id];
  std::uint64_t since = monotonic_ns > start_ ? monotonic_ns - start_ : 0;
  if (of_time) {
    lane.rest_ns += weight;
    weight = lane.rest_ns / kMicrosecond;
    lane.rest_ns %= kMicrosecond;
  }
  while (since / tick_ >= kMostTicks && kept_) coarsen();
  while (weight > 0 && kept_) {   // a wait of more than an hour is several
    const auto part = static_cast<std::uint32_t>(std::min<std::uint64_t>(weight, UINT32_MAX));
    push(lanes_[id], {static_cast<std::uint32_t>(since / tick_), node}, part);
    weight -= part;
    since += of_time ? part * kMicrosecond : 0;
  }
}

void Moments::take_back(LaneId id, NodeId node) {
  if (!kept_) return;
  Lane& lane = lanes_[id];
  for (std::size_t at = lane.moments.size(); at-- > 0;) {
    if (lane.moments[at].node != node) continue;
    if (!lane.weights.empty() && lane.weights[at] > 1) return void(--lane.weights[at]);
    lane.moments.erase(lane.moments.begin() + static_cast<std::ptrdiff_t>(at));
    if (!lane.weights.empty()) lane.weights.erase(lane.weights.begin() + static_cast<std::ptrdiff_t>(at));
    --size_;
    return;
  }
}

void Moments::put(LaneId lane, std::uint64_t since_ns, NodeId node, std::uint32_t weight) {
  while (since_ns / tick_ >= kMostTicks && kept_) coarsen();
  if (kept_) push(lanes_[lane], {static_cast<std::uint32_t>(since_ns / tick_), node}, weight);
}

void Moments::reach_back(std::uint64_t wall_ns) {
  if (wall_ns >= start_wall_) return;
  while ((start_wall_ - wall_ns + end_ns()) / tick_ >= kMostTicks && kept_) coarsen();
  const std::uint64_t ticks = (start_wall_ - wall_ns + tick_ - 1) / tick_;
  for (Lane& lane : lanes_) {
    for (TimedSample& m : lane.moments) m.at += static_cast<std::uint32_t>(ticks);
  }
  start_wall_ -= std::min(start_wall_, ticks * tick_);
}

// Processors hand over their samples one after the other: nearly always the moment is the latest.
void Moments::push(Lane& lane, TimedSample moment, std::uint32_t weight) {
  if (weight != 1 && lane.weights.empty()) lane.weights.assign(lane.moments.size(), 1);
  const bool weighed = weight != 1 || !lane.weights.empty();
  const auto later = [](std::uint32_t at, const TimedSample& m) { return at < m.at; };
  const auto place = lane.moments.empty() || lane.moments.back().at <= moment.at
                         ? static_cast<std::ptrdiff_t>(lane.moments.size())
                         : std::upper_bound(lane.moments.begin(), lane.moments.end(), moment.at, later) - lane.moments.begin();
  grow_for(lane.moments);
  lane.moments.insert(lane.moments.begin() + place, moment);
  if (weighed) {
    grow_for(lane.weights);
    lane.weights.insert(lane.weights.begin() + place, weight);
  }
  if (++size_ > kMost) coarsen();
}

void Moments::coarsen() {
  const std::uint64_t length = end_ns();
  do {
    tick_ *= 2;
    coarser_ = true;
    size_ = 0;
    for (Lane& lane : lanes_) {
      halve(lane);
      size_ += lane.moments.size();
    }
    if (length / tick_ < kFewestTicks && size_ > kMost / 4 * 3) {
      end();
      given_up_ = true;
      return;
    }
  } while (size_ > kMost / 4 * 3);
}

void Moments::forget_before(std::uint64_t monotonic_ns, std::uint64_t wall_ns, bool of_time) {
  if (!kept_ || monotonic_ns < start_) return;
  const auto ticks = static_cast<std::uint32_t>((monotonic_ns - start_) / tick_);
  size_ = 0;
  for (Lane& lane : lanes_) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < lane.moments.size(); ++i) {
      TimedSample moment = lane.moments[i];
      std::uint64_t weight = lane.weight(i);
      const std::uint64_t before = moment.at < ticks ? (ticks - moment.at) * tick_ / kMicrosecond : 0;
      if (before > 0 && (!of_time || weight <= before)) continue;
      if (!lane.weights.empty()) lane.weights[kept] = static_cast<std::uint32_t>(weight - before);
      moment.at -= std::min(moment.at, ticks);
      lane.moments[kept++] = moment;
    }
    lane.moments.resize(kept);
    if (!lane.weights.empty()) lane.weights.resize(kept);
    size_ += kept;
  }
  std::erase_if(lanes_, [](const Lane& lane) { return lane.moments.empty(); });
  start_ += ticks * tick_;
  start_wall_ = wall_ns - std::min(wall_ns, monotonic_ns - start_);
}

void Moments::remap(std::span<const NodeId> moved) {
  for (Lane& lane : lanes_) {
    for (TimedSample& m : lane.moments) m.node = moved[m.node];
  }
}

std::uint64_t Moments::end_ns() const {
  std::uint64_t end = 0;
  for (const Lane& lane : lanes_) {
    if (!lane.moments.empty()) end = std::max(end, (lane.moments.back().at + std::uint64_t{1}) * tick_);
  }
  return end;
}

}  // namespace sampan

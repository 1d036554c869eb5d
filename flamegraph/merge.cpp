#include "flamegraph/merge.hpp"

#include <algorithm>

namespace sampan {

std::vector<NodeId> add_stacks(Profile& out, const Profile& from, double scale, bool baseline) {
  std::vector<FrameId> frame_of(from.frame_count());
  for (FrameId id = 1; id < from.frame_count(); ++id) frame_of[id] = out.intern(from.frame(id));
  for (const auto& [id, endings] : from.endings()) {
    for (const std::string& ending : endings) out.note_ending(frame_of[id], ending);
  }
  const auto nodes = from.nodes();
  std::vector<NodeId> moved(nodes.size(), Profile::kRoot);
  // Rounding the running sum, not each weight, keeps the scaled total exact.
  double exact = 0;
  std::uint64_t given = 0;
  for (NodeId id = 0; id < nodes.size(); ++id) {
    if (id != Profile::kRoot) moved[id] = out.child(moved[nodes[id].parent], frame_of[nodes[id].frame]);
    std::uint64_t weight = nodes[id].self;
    if (scale != 1) {
      exact += static_cast<double>(weight) * scale;
      weight = static_cast<std::uint64_t>(exact + 0.5) - given;
      given += weight;
    }
    Node& node = out.node(moved[id]);
    (baseline ? node.baseline : node.self) += weight;
  }
  return moved;
}

namespace {

// Calls `take` with each lane's id in `out`.
template <typename Take>
void each_lane(Profile& out, const Profile& from, Take take) {
  const auto same = [&](FrameId id) { return id == Profile::kNoFrame ? id : out.intern(from.frame(id)); };
  for (const Lane& lane : from.moments.lanes()) {
    const FrameId process = same(lane.process), thread = same(lane.thread);
    take(lane, out.moments.lane(process, thread));
  }
}

// How much of a moment's weight lies between two ticks: of a wait the part, else all or nothing.
std::uint64_t weight_within(const Lane& lane, std::size_t i, std::uint64_t tick_ns, bool of_time, std::uint64_t from_ns, std::uint64_t to_ns) {
  const std::uint64_t at = lane.moments[i].at * tick_ns, weight = lane.weight(i);
  const std::uint64_t length = of_time ? weight * 1000 : 0;
  if (length <= tick_ns) return at >= from_ns && at < to_ns ? weight : 0;
  const std::uint64_t start = std::max(at, from_ns), end = std::min(at + length, to_ns);
  return end > start ? (end - start) / 1000 : 0;
}

}  // namespace

std::uint64_t add_moments(Profile& out, const Profile& from, std::span<const NodeId> moved) {
  const std::uint64_t start = from.moments.start_ns(), tick = from.moments.tick_ns();
  if (!out.moments.any()) out.moments.begin(0, start, tick);
  out.moments.reach_back(start);
  const std::uint64_t shift = start - std::min(start, out.moments.start_ns());
  each_lane(out, from, [&](const Lane& lane, LaneId to) {
    for (std::size_t i = 0; i < lane.moments.size(); ++i) {
      out.moments.put(to, lane.moments[i].at * tick + shift, moved[lane.moments[i].node], lane.weight(i));
    }
  });
  return shift;
}

void merge(Profile& out, const Profile& from) {
  const bool first = out.nodes().size() == 1;
  if (first) out.description = from.description;
  const std::vector<NodeId> moved = add_stacks(out, from);
  if (!from.moments.any() || (!first && !out.moments.any())) return out.moments.end();
  const std::uint64_t shift = add_moments(out, from, moved);
  out.timeline.add(from.timeline, shift);
  Description& d = out.description;
  d.started_ns = out.moments.start_ns();
  d.duration_ns = std::max(d.duration_ns, shift + from.description.duration_ns);
}

Profile window_of(const Profile& profile, std::uint64_t from_ns, std::uint64_t to_ns) {
  Profile out;
  out.description = profile.description;
  const std::vector<NodeId> moved = add_stacks(out, profile, 0);
  const bool of_time = profile.description.unit == "nanoseconds";
  const std::uint64_t tick = profile.moments.tick_ns();
  out.moments.begin(0, profile.moments.start_ns() + from_ns, tick);
  each_lane(out, profile, [&](const Lane& lane, LaneId to) {
    for (std::size_t i = 0; i < lane.moments.size(); ++i) {
      const std::uint64_t weight = weight_within(lane, i, tick, of_time, from_ns, to_ns);
      if (weight == 0) continue;
      const NodeId node = moved[lane.moments[i].node];
      out.node(node).self += of_time ? weight * 1000 : weight;
      out.moments.put(to, std::max(lane.moments[i].at * tick, from_ns) - from_ns, node, static_cast<std::uint32_t>(weight));
    }
  });
  out.timeline = profile.timeline;
  out.timeline.keep(from_ns, to_ns);
  out.description.started_ns = out.moments.start_ns();
  out.description.duration_ns = to_ns - from_ns;
  return out;
}

}  // namespace sampan

#include "flamegraph/split.hpp"

#include <algorithm>

namespace sampan {
namespace {

// By node: the frame of that kind above it, or its own.
std::vector<FrameId> owners(const Profile& profile, FrameKind kind) {
  const auto nodes = profile.nodes();
  std::vector<FrameId> owner(nodes.size(), Profile::kNoFrame);
  for (NodeId id = 1; id < nodes.size(); ++id) {
    owner[id] = profile.frame(nodes[id].frame).kind == kind ? nodes[id].frame : owner[nodes[id].parent];
  }
  return owner;
}

}  // namespace

std::vector<FrameId> parts_of(const Profile& profile, FrameKind kind) {
  const auto owner = owners(profile, kind);
  std::vector<bool> seen(profile.frame_count());
  std::vector<FrameId> parts;
  for (NodeId id = 0; id < owner.size(); ++id) {
    if (profile.nodes()[id].self == 0 || seen[owner[id]]) continue;
    seen[owner[id]] = true;
    parts.push_back(owner[id]);
  }
  return parts;
}

Profile part_of(const Profile& profile, FrameKind kind, FrameId part, bool shown) {
  const auto owner = owners(profile, kind);
  const auto nodes = profile.nodes();
  Profile out;
  out.description = profile.description;
  // Only what holds a sample of the part is copied: frames above it are many parts'.
  std::vector<bool> wanted(nodes.size());
  for (NodeId id = static_cast<NodeId>(nodes.size()); id-- > 1;) {
    wanted[id] = wanted[id] || (nodes[id].self != 0 && owner[id] == part);
    if (wanted[id]) wanted[nodes[id].parent] = true;
  }
  std::vector<NodeId> moved(nodes.size(), Profile::kRoot);
  for (NodeId id = 0; id < nodes.size(); ++id) {
    if (id != Profile::kRoot && wanted[id]) {
      const Frame& frame = profile.frame(nodes[id].frame);
      moved[id] = moved[nodes[id].parent];
      if (shown || frame.kind != kind) moved[id] = out.child(moved[id], out.intern(frame));
    }
    if (owner[id] == part) out.node(moved[id]).self += nodes[id].self;
  }
  if (!profile.moments.any()) return out;
  const auto same = [&](FrameId id) { return id == Profile::kNoFrame ? id : out.intern(profile.frame(id)); };
  out.moments.begin(0, profile.moments.start_ns(), profile.moments.tick_ns());
  for (const Lane& lane : profile.moments.lanes()) {
    const auto inside = [&](const TimedSample& moment) { return owner[moment.node] == part; };
    if (std::none_of(lane.moments.begin(), lane.moments.end(), inside)) continue;
    const LaneId to = out.moments.lane(same(lane.process), same(lane.thread));
    for (std::size_t i = 0; i < lane.moments.size(); ++i) {
      if (inside(lane.moments[i])) out.moments.put(to, lane.moments[i].at * profile.moments.tick_ns(), moved[lane.moments[i].node], lane.weight(i));
    }
  }
  return out;
}

}  // namespace sampan

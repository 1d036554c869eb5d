#include "flamegraph/formats/speedscope.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "flamegraph/formats.hpp"
#include "flamegraph/label.hpp"
#include "flamegraph/text.hpp"

namespace sampan {
namespace {

// Equal shown frames are one (speedscope keys them by name, file and line).
struct Frames {
  std::string json;
  std::vector<std::uint32_t> of_frame;  // by FrameId; groups: unused

  explicit Frames(const Profile& profile) : of_frame(profile.frame_count()) {
    std::map<std::tuple<std::string, std::string_view, std::uint32_t>, std::uint32_t> seen;
    for (FrameId id = 1; id < profile.frame_count(); ++id) {
      const Frame& frame = profile.frame(id);
      if (is_group(frame.kind)) continue;
      std::string name(frame.name);
      if (name.empty()) append_label(name, frame);
      const auto [at, fresh] = seen.try_emplace({name, frame.file, frame.line}, static_cast<std::uint32_t>(seen.size()));
      of_frame[id] = at->second;
      if (fresh) append(name, frame);
    }
  }

  void append(const std::string& name, const Frame& frame) {
    json += json.empty() ? "\n{\"name\":" : ",\n{\"name\":";
    append_json(json, name);
    if (!frame.file.empty()) append_json(json += ",\"file\":", frame.file);
    if (frame.line != 0) json += fmt::format(",\"line\":{}", frame.line);
    json += '}';
  }
};

struct Group {
  std::string samples, weights;
  std::uint64_t total = 0;
};

// A stack without its groups' frames, and its weight, at the end of a group's samples.
void append_sample(Group& g, const Profile& profile, const Frames& frames, const std::vector<FrameId>& stack, std::uint64_t weight) {
  g.samples += g.samples.empty() ? "[" : ",\n[";
  bool first = true;
  for (FrameId frame : stack) {
    if (is_group(profile.frame(frame).kind)) continue;
    g.samples += fmt::format("{}{}", first ? "" : ",", frames.of_frame[frame]);
    first = false;
  }
  g.samples += ']';
  g.weights += fmt::format("{}{}", g.weights.empty() ? "" : ",", weight);
  g.total += weight;
}

// By the node of the innermost process or thread frame: the stacks below it.
std::map<NodeId, Group> group(const Profile& profile, const Frames& frames) {
  std::map<NodeId, Group> groups;
  const auto nodes = profile.nodes();
  std::vector<NodeId> owner(nodes.size());
  std::vector<FrameId> stack;
  for (NodeId id = 0; id < nodes.size(); ++id) {
    owner[id] = id != 0 && is_group(profile.frame(nodes[id].frame).kind) ? id : owner[nodes[id].parent];
    if (nodes[id].self == 0) continue;
    Group& g = groups[owner[id]];
    profile.stack(id, stack);
    append_sample(g, profile, frames, stack, nodes[id].self);
  }
  return groups;
}

// A lane's samples in order of time: what a thread did not do is an empty stack of that length.
Group lane_group(const Profile& profile, const Frames& frames, const Lane& lane, double period_ns, bool of_time) {
  Group g;
  std::vector<FrameId> stack;
  const auto put = [&](std::uint64_t weight) { append_sample(g, profile, frames, stack, weight); };
  double free_at = 0;   // where the sample before ended
  for (std::size_t i = 0; i < lane.moments.size(); ++i) {
    const double at = static_cast<double>(lane.moments[i].at) * static_cast<double>(profile.moments.tick_ns());
    const double length = of_time ? lane.weight(i) * 1e3 : lane.weight(i) * period_ns;
    stack.clear();
    // Samples come a little early or late: what is missing of half a period is no gap.
    if (const double gap = at - free_at; gap > period_ns / 2) put(static_cast<std::uint64_t>(of_time ? gap : gap / period_ns + 0.5));
    profile.stack(lane.moments[i].node, stack);
    put(static_cast<std::uint64_t>(of_time ? length : lane.weight(i)));
    free_at = std::max(free_at, at) + length;
  }
  return g;
}

std::string lane_name(const Profile& profile, const Lane& lane) {
  std::string name;
  for (const FrameId id : {lane.process, lane.thread}) {
    if (id == Profile::kNoFrame) continue;
    if (!name.empty()) name += ", ";
    append_label(name, profile.frame(id));
  }
  return name.empty() ? "other threads" : name;
}

std::string group_name(const Profile& profile, NodeId id) {
  std::vector<FrameId> stack;
  profile.stack(id, stack);
  std::string name;
  for (FrameId frame : stack) {
    if (!is_group(profile.frame(frame).kind)) continue;
    if (!name.empty()) name += ", ";
    append_label(name, profile.frame(frame));
  }
  if (name.empty()) name = profile.description.title.empty() ? "all" : profile.description.title;
  return name;
}

}  // namespace

std::string to_speedscope(const Profile& profile) {
  const Frames frames(profile);
  const std::string_view unit = profile.description.unit == "nanoseconds" ? "nanoseconds" : "none";
  std::string out = "{\"$schema\":\"https://www.speedscope.app/file-format-schema.json\",\"exporter\":\"sampan " SAMPAN_VERSION
                    "\",\"name\":";
  append_json(out, profile.description.title);
  out += ",\"activeProfileIndex\":0,\"shared\":{\"frames\":[" + frames.json + "]},\n\"profiles\":[";
  bool first = true;
  const auto put = [&](const std::string& name, const Group& g) {
    out += first ? "\n{\"type\":\"sampled\",\"name\":" : ",\n{\"type\":\"sampled\",\"name\":";
    first = false;
    append_json(out, name);
    out += fmt::format(",\"unit\":\"{}\",\"startValue\":0,\"endValue\":{},\n\"samples\":[", unit, g.total);
    ((((out += g.samples) += "],\n\"weights\":[") += g.weights) += "]}");
  };
  const bool of_time = unit == "nanoseconds";
  const double period_ns = profile.description.rate > 0 ? 1e9 / profile.description.rate : static_cast<double>(profile.moments.tick_ns());
  for (const Lane& lane : profile.moments.lanes()) {
    if (!lane.moments.empty()) put(lane_name(profile, lane), lane_group(profile, frames, lane, period_ns, of_time));
  }
  auto groups = profile.moments.any() ? std::map<NodeId, Group>() : group(profile, frames);
  if (groups.empty() && first) groups[Profile::kRoot];
  for (const auto& [id, g] : groups) put(group_name(profile, id), g);
  return out + "]}\n";
}

std::string write_speedscope(const Profile& profile, const Picture&) { return to_speedscope(profile); }

}  // namespace sampan

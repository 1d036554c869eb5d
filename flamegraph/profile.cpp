#include "flamegraph/profile.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>
#include <functional>

namespace sampan {
namespace {

constexpr std::size_t kTextBlock = 64 * 1024;

std::size_t mix(std::size_t a, std::size_t b) {
  a ^= b + 0x9e3779b97f4a7c15u + (a << 6) + (a >> 2);
  return a * 0xff51afd7ed558ccdu;
}

std::size_t hash(const Frame& f) {
  std::size_t h = std::hash<std::string_view>{}(f.name);
  h = mix(h, std::hash<std::string_view>{}(f.file));
  h = mix(h, (static_cast<std::size_t>(f.line) << 8) | static_cast<std::size_t>(f.kind));
  h = mix(h, f.address);
  return h ^ (h >> 32);
}

std::size_t hash(NodeId parent, FrameId frame) {
  std::size_t h = ((static_cast<std::size_t>(parent) << 32) | frame) * 0x9e3779b97f4a7c15u;
  return h ^ (h >> 32);
}

}  // namespace

Profile::Profile() : children_(64), frame_table_(64), replacements_(1) {
  frames_.emplace_back();
  nodes_.push_back({kRoot, kNoFrame, 0});
}

std::string_view Profile::keep(std::string_view text) {
  if (text.empty()) return {};
  if (text.size() > text_left_) {
    text_left_ = std::max(kTextBlock, text.size());
    text_.push_back(std::make_unique<char[]>(text_left_));
  }
  // Blocks fill from their end, so that one counter says both what is left and where to write.
  char* at = text_.back().get() + (text_left_ -= text.size());
  std::memcpy(at, text.data(), text.size());
  return {at, text.size()};
}

FrameId Profile::intern(const Frame& frame) {
  if (frames_.size() * 2 > frame_table_.size()) {
    std::vector<FrameId> wider(frame_table_.size() * 2);
    for (FrameId id : frame_table_) {
      if (id == 0) continue;
      std::size_t slot = hash(frames_[id]) & (wider.size() - 1);
      while (wider[slot] != 0) slot = (slot + 1) & (wider.size() - 1);
      wider[slot] = id;
    }
    frame_table_ = std::move(wider);
  }
  std::size_t slot = hash(frame) & (frame_table_.size() - 1);
  for (; frame_table_[slot] != 0; slot = (slot + 1) & (frame_table_.size() - 1)) {
    if (frames_[frame_table_[slot]] == frame) return frame_table_[slot];
  }
  const auto id = static_cast<FrameId>(frames_.size());
  Frame kept = frame;
  kept.name = keep(frame.name);
  kept.file = keep(frame.file);
  frames_.push_back(kept);
  replacements_.emplace_back();
  frame_table_[slot] = id;
  return id;
}

FrameId Profile::placeholder(FrameKind kind, std::uint64_t address) {
  const auto id = static_cast<FrameId>(frames_.size());
  frames_.push_back({kind, "[unresolved]", {}, 0, address});
  replacements_.emplace_back();
  return id;
}

void Profile::replace(FrameId placeholder, std::span<const FrameId> with) {
  replacements_[placeholder].assign(with.begin(), with.end());
}

void Profile::note_ending(FrameId frame, std::string_view ending) {
  constexpr std::size_t kMost = 8, kLongest = 64;
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_'; };
  if (ending.empty() || ending.size() > kLongest || !std::all_of(ending.begin(), ending.end(), plain)) return;
  auto& all = endings_[frame];
  const auto at = std::lower_bound(all.begin(), all.end(), ending);
  if (all.size() < kMost && (at == all.end() || *at != ending)) all.emplace(at, ending);
}

void Profile::settle() {
  const auto replaced = [](const std::vector<FrameId>& with) { return !with.empty(); };
  if (std::none_of(replacements_.begin(), replacements_.end(), replaced)) return;
  std::vector<Node> old = std::move(nodes_);
  try {
    rebuild(old);
  } catch (...) {
    nodes_ = std::move(old);   // as it was, but for the table: cut() makes it anew
    throw;
  }
}

void Profile::rebuild(const std::vector<Node>& old) {
  nodes_.assign(1, {kRoot, kNoFrame, old[0].self, old[0].baseline});
  children_.assign(64, 0);
  branches_ = 0;
  std::vector<NodeId> moved(old.size(), kRoot);
  for (NodeId id = 1; id < old.size(); ++id) {
    NodeId at = moved[old[id].parent];
    const auto& with = replacements_[old[id].frame];
    if (with.empty()) at = child(at, old[id].frame);
    for (FrameId frame : with) at = child(at, frame);
    nodes_[at].self += old[id].self;
    nodes_[at].baseline += old[id].baseline;
    moved[id] = at;
  }
  moments.remap(moved);
}

void Profile::cut(std::size_t depth, FrameId below) {
  std::vector<NodeId> moved(nodes_.size(), kRoot), stand_in(nodes_.size(), kRoot);   // stand_in: by the new id of what it hangs below
  std::vector<std::uint32_t> depths(nodes_.size());
  NodeId kept = 1;
  for (NodeId id = 1; id < nodes_.size(); ++id) {
    const Node node = nodes_[id];   // its place may be taken now: new ids never run ahead
    depths[id] = depths[node.parent] + 1;
    const NodeId parent = moved[node.parent];
    const bool deeper = depths[id] > depth;
    NodeId at = deeper ? (depths[id] == depth + 1 ? stand_in[parent] : parent) : kRoot;
    if (at == kRoot) {
      at = kept++;
      nodes_[at] = {parent, deeper ? below : node.frame, 0, 0};
      if (deeper) stand_in[parent] = at;
    }
    nodes_[at].self += node.self;
    nodes_[at].baseline += node.baseline;
    moved[id] = at;
  }
  moments.remap(moved);
  nodes_.resize(kept);
  index_children();
}

std::vector<NodeId> Profile::forget_before(std::uint64_t monotonic_ns, std::uint64_t wall_ns) {
  const bool of_time = description.unit == "nanoseconds";
  timeline.keep(moments.since(monotonic_ns), UINT64_MAX);
  moments.forget_before(monotonic_ns, wall_ns, of_time);
  for (Node& node : nodes_) node.self = 0;
  for (const Lane& lane : moments.lanes()) {
    for (std::size_t i = 0; i < lane.moments.size(); ++i) nodes_[lane.moments[i].node].self += lane.weight(i) * std::uint64_t{of_time ? 1000u : 1u};
  }
  const std::vector<std::uint64_t> sums = totals();
  std::vector<NodeId> moved(nodes_.size(), kRoot);
  NodeId kept = 1;
  for (NodeId id = 1; id < nodes_.size(); ++id) {
    if (sums[id] == 0) continue;
    const Node node = nodes_[id];   // new ids never run ahead
    nodes_[kept] = {moved[node.parent], node.frame, node.self, node.baseline};
    moved[id] = kept++;
  }
  moments.remap(moved);
  nodes_.resize(kept);
  index_children();
  return moved;
}

void Profile::index_children() {
  nodes_.shrink_to_fit();
  children_.assign(std::bit_ceil(std::max<std::size_t>(nodes_.size() / 2, 16)), 0);
  grow_children();   // fourfold: at most half of it is taken
}

void Profile::grow_children() {
  std::vector<NodeId> wider(children_.size() * 4);
  branches_ = 0;
  for (NodeId id = 1; id < nodes_.size(); ++id) {
    if (nodes_[id].parent + 1 == id) continue;
    std::size_t slot = hash(nodes_[id].parent, nodes_[id].frame) & (wider.size() - 1);
    while (wider[slot] != 0) slot = (slot + 1) & (wider.size() - 1);
    wider[slot] = id;
    ++branches_;
  }
  children_ = std::move(wider);
}

NodeId Profile::child(NodeId parent, FrameId frame) {
  // Most nodes were made right after their parent. Those are found there and not in the table, which stays small
  // enough for the processor's caches.
  const std::size_t next = std::size_t{parent} + 1;
  if (next == nodes_.size()) {
    nodes_.push_back({parent, frame, 0});
    return static_cast<NodeId>(next);
  }
  if (nodes_[next].parent == parent && nodes_[next].frame == frame) return static_cast<NodeId>(next);
  if (branches_ * 2 > children_.size()) grow_children();
  std::size_t slot = hash(parent, frame) & (children_.size() - 1);
  for (; children_[slot] != 0; slot = (slot + 1) & (children_.size() - 1)) {
    const Node& node = nodes_[children_[slot]];
    if (node.parent == parent && node.frame == frame) return children_[slot];
  }
  const auto id = static_cast<NodeId>(nodes_.size());
  nodes_.push_back({parent, frame, 0});
  children_[slot] = id;
  ++branches_;
  return id;
}

NodeId Profile::add_at(NodeId from, std::span<const FrameId> stack, std::uint64_t weight) {
  for (FrameId frame : stack) from = child(from, frame);
  nodes_[from].self += weight;
  return from;
}

std::uint64_t Profile::total() const {
  std::uint64_t sum = 0;
  for (const Node& node : nodes_) sum += node.self;
  return sum;
}

std::vector<std::uint64_t> Profile::totals() const {
  std::vector<std::uint64_t> sums(nodes_.size());
  for (std::size_t id = nodes_.size(); id-- > 0;) {
    sums[id] += nodes_[id].self;
    if (id != kRoot) sums[nodes_[id].parent] += sums[id];
  }
  return sums;
}

void Profile::stack(NodeId id, std::vector<FrameId>& out) const {
  out.clear();
  for (; id != kRoot; id = nodes_[id].parent) out.push_back(nodes_[id].frame);
  for (std::size_t a = 0, b = out.size(); a + 1 < b; ++a) std::swap(out[a], out[--b]);
}

}  // namespace sampan

#include "flamegraph/layout.hpp"

#include <algorithm>
#include <span>

namespace sampan {
namespace {

constexpr NodeId kNone = 0;  // the root is nobody's child
constexpr std::uint32_t kNoBox = UINT32_MAX;

// The profile's nodes with labels in place of frames; `scratch` holds them where they must be rebuilt.
std::span<const Node> relabel(const Profile& profile, const Labels& labels, bool reverse, Profile& scratch, std::vector<NodeId>& moved) {
  const auto nodes = profile.nodes();
  if (reverse) {
    std::vector<FrameId> stack;
    for (NodeId id = 0; id < nodes.size(); ++id) {
      if (nodes[id].self == 0 && nodes[id].baseline == 0) continue;
      NodeId at = Profile::kRoot;
      for (NodeId up = id; up != Profile::kRoot; up = nodes[up].parent) {
        at = scratch.child(at, labels.of_frame[nodes[up].frame]);  // label ids stand for frame ids
      }
      scratch.node(at).self += nodes[id].self;
      scratch.node(at).baseline += nodes[id].baseline;
    }
  } else {
    moved.resize(nodes.size());
    for (NodeId id = 0; id < nodes.size(); ++id) {
      if (id != 0) moved[id] = scratch.child(moved[nodes[id].parent], labels.of_frame[nodes[id].frame]);
      scratch.node(moved[id]).self += nodes[id].self;
      scratch.node(moved[id]).baseline += nodes[id].baseline;
    }
  }
  return scratch.nodes();
}

struct Sums {
  std::vector<std::uint64_t> total, base, width;
};

Sums sum(std::span<const Node> nodes, bool differential) {
  Sums s;
  s.total.resize(nodes.size());
  if (differential) s.base.resize(nodes.size()), s.width.resize(nodes.size());
  for (std::size_t id = nodes.size(); id-- > 0;) {
    s.total[id] += nodes[id].self;
    if (id != 0) s.total[nodes[id].parent] += s.total[id];
    if (!differential) continue;
    s.base[id] += nodes[id].baseline;
    s.width[id] += std::max(nodes[id].self, nodes[id].baseline);
    if (id == 0) continue;
    s.base[nodes[id].parent] += s.base[id];
    s.width[nodes[id].parent] += s.width[id];
  }
  return s;
}

// The least weight that leaves at most `most` nodes. A node is never lighter than what is below it.
std::uint64_t threshold(const std::vector<std::uint64_t>& weights, std::size_t most) {
  if (weights.size() <= most || most == 0) return 1;
  std::vector<std::uint64_t> sorted = weights;
  const auto cut = sorted.begin() + static_cast<std::ptrdiff_t>(most);
  std::nth_element(sorted.begin(), cut, sorted.end(), std::greater<>());
  return *cut + 1;
}

struct Children {
  std::vector<NodeId> first, next;
  std::uint64_t left_out = 0;
};

// Child lists in the order of ids, without what is too light.
Children link(std::span<const Node> nodes, const std::vector<std::uint64_t>& weights, std::uint64_t least) {
  Children children{std::vector<NodeId>(nodes.size()), std::vector<NodeId>(nodes.size()), 0};
  for (auto id = static_cast<NodeId>(nodes.size()); --id > 0;) {
    if (weights[id] < least) {
      if (weights[id] != 0) ++children.left_out;
      continue;
    }
    children.next[id] = children.first[nodes[id].parent];
    children.first[nodes[id].parent] = id;
  }
  return children;
}

// Puts them into the order of names; most lists hold one child.
void sort(Children& children, std::span<const Node> nodes, const std::vector<std::uint32_t>& label_of,
          const std::vector<std::uint32_t>& rank) {
  std::vector<std::pair<std::uint32_t, NodeId>> list;
  for (NodeId& first : children.first) {
    if (first == kNone || children.next[first] == kNone) continue;
    list.clear();
    for (NodeId id = first; id != kNone; id = children.next[id]) list.emplace_back(rank[label_of[nodes[id].frame]], id);
    std::sort(list.begin(), list.end());
    NodeId* place = &first;
    for (const auto& [_, id] : list) {
      *place = id;
      place = &children.next[id];
    }
    *place = kNone;
  }
}

// Walks the child lists and writes the boxes.
struct PreOrder {
  std::span<const Node> nodes;
  const std::vector<std::uint32_t>& label_of;
  const Sums& sums;
  const std::vector<std::uint64_t>& width;
  const Children& children;
  bool differential;
  std::vector<std::uint32_t>* place = nullptr;   // by node: its box; kNoBox: it was left out
  std::vector<std::uint32_t> lighter{};          // by box: the one for its children that were left out
  Layout layout{};
  struct Open {
    std::uint32_t box;
    std::uint64_t total, base, width;  // of its children so far
  };
  std::vector<Open> path{};  // root first

  void open(NodeId id) {
    const auto depth = static_cast<std::uint32_t>(path.size());
    layout.depth = std::max(layout.depth, depth);
    if (children.left_out != 0 && depth != 0) {
      Open& parent = path.back();
      parent.total += sums.total[id];
      parent.base += differential ? sums.base[id] : 0;
      parent.width += width[id];
    }
    if (place != nullptr) (*place)[id] = static_cast<std::uint32_t>(layout.boxes.size());
    path.push_back({static_cast<std::uint32_t>(layout.boxes.size()), 0, 0, 0});
    layout.boxes.push_back({label_of[nodes[id].frame], depth, 0, nodes[id].self, sums.total[id], nodes[id].baseline,
                            differential ? sums.base[id] : 0, width[id]});
  }

  void close() {
    const Open last = path.back();
    path.pop_back();
    if (children.left_out != 0) add_lighter(last);
    layout.boxes[last.box].end = static_cast<std::uint32_t>(layout.boxes.size());
  }

  // One box stands for all children that were left out, so that sums stay true.
  void add_lighter(const Open& open) {
    const Box& box = layout.boxes[open.box];
    const std::uint64_t total = box.total - box.self - open.total, base = box.base_total - box.base_self - open.base;
    if (total == 0 && base == 0) return;
    const std::uint64_t own = differential ? std::max(box.self, box.base_self) : box.self;
    const auto end = static_cast<std::uint32_t>(layout.boxes.size() + 1);
    layout.depth = std::max(layout.depth, box.depth + 1);
    if (place != nullptr) lighter[open.box] = end - 1;
    layout.boxes.push_back({Labels::kLighter, box.depth + 1, end, total, total, base, base, box.width - own - open.width});
  }

  Layout run() {
    layout.left_out = children.left_out;
    if (place != nullptr) place->assign(nodes.size(), kNoBox), lighter.assign(children.left_out != 0 ? nodes.size() : 0, kNoBox);
    layout.boxes.reserve(nodes.size() - children.left_out);
    for (NodeId id = Profile::kRoot;;) {
      open(id);
      if (children.first[id] != kNone) {
        id = children.first[id];
        continue;
      }
      for (close(); children.next[id] == kNone; close()) {
        if (path.empty()) return std::move(layout);
        id = nodes[id].parent;
      }
      id = children.next[id];
    }
  }
};

}  // namespace

Layout lay_out(const Profile& profile, const Labels& labels, bool reverse, std::size_t most, std::vector<std::uint32_t>* box_of) {
  Profile scratch;
  std::vector<NodeId> moved;   // where the nodes are made anew: the new one's id
  std::vector<std::uint32_t> label_of = labels.of_frame;
  std::span<const Node> nodes = profile.nodes();
  if (reverse || labels.merged) {
    nodes = relabel(profile, labels, reverse, scratch, moved);
    label_of.resize(labels.all.size());
    for (std::uint32_t label = 0; label < label_of.size(); ++label) label_of[label] = label;
  }
  const bool differential = profile.description.differential;
  const Sums sums = sum(nodes, differential);
  const auto& width = differential ? sums.width : sums.total;
  Children children = link(nodes, width, threshold(width, most));
  sort(children, nodes, label_of, labels.rank);
  std::vector<std::uint32_t> place;
  PreOrder order{nodes, label_of, sums, width, children, differential, box_of != nullptr ? &place : nullptr};
  Layout layout = order.run();
  if (box_of == nullptr) return layout;
  // What was left out is in its parent's box for such, or where its parent is.
  for (NodeId id = 1; id < nodes.size(); ++id) {
    if (place[id] != kNoBox) continue;
    const std::uint32_t above = place[nodes[id].parent];
    const bool drawn = layout.boxes[above].label != Labels::kLighter;
    place[id] = drawn && !order.lighter.empty() && order.lighter[above] != kNoBox ? order.lighter[above] : above;
  }
  if (moved.empty()) return *box_of = std::move(place), layout;
  box_of->resize(moved.size());
  for (NodeId id = 0; id < moved.size(); ++id) (*box_of)[id] = place[moved[id]];
  return layout;
}

}  // namespace sampan

// The sink: interned frames and a weighted call tree. Roots are process and thread frames, which
// are ordinary frames of their own kind, so nothing here knows an operating system.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "flamegraph/ids.hpp"
#include "flamegraph/time.hpp"
#include "flamegraph/timeline.hpp"

namespace sampan {

// kinds.def has a row for each. Note says what is not known: `[truncated]`, `[idle]`.
enum class FrameKind : std::uint8_t {
#define KIND(enumerator, ...) enumerator,
#include "flamegraph/kinds.def"
};
// Kinds that group stacks, by machine, namespace, pod, container, process and thread, and show no code.
inline bool is_group(FrameKind kind) { return kind <= FrameKind::Container; }

// One place in a program. Views passed to intern() are copied; views returned live as long as the profile.
struct Frame {
  FrameKind kind = FrameKind::Native;
  std::string_view name;    // qualified: `Class.method`, `ns::f(int)`; of a process or thread, its name
  std::string_view file;    // source file; of native code without one, the module's path; of a container, its id
  std::uint32_t line = 0;   // 0: not known. Of a process or thread: its id
  std::uint64_t address = 0;   // native code: address within the module's file; 0: none
  bool operator==(const Frame&) const = default;
};

struct Node {
  NodeId parent;        // always less than the node's own id, but for the root, which is its own parent
  FrameId frame;
  std::uint64_t self;   // weight of the stacks that end here
  std::uint64_t baseline = 0;  // self weight in the first profile of a diff
};

// What the picture and the formats say about the whole. Texts are UTF-8 or repaired when written.
struct Description {
  std::string title;
  std::string subtitle;
  std::string unit = "samples";      // or "nanoseconds"
  std::string event = "cpu";         // what a sample is of: cpu, wall, off_cpu, gil
  std::map<std::string, std::string> labels{};   // whose it is: namespace, pod, container, node, and what the user adds
  double rate = 0;                   // samples a second per thread; 0: not known
  std::uint64_t started_ns = 0;      // wall clock, since the epoch
  std::uint64_t duration_ns = 0;
  std::vector<std::string> alerts;   // one sentence each that no reader should miss: it was throttled
  std::vector<std::string> notes;    // one sentence each: quality, what was lost, what failed
  bool differential = false;         // Node::baseline holds the first profile
  std::optional<std::vector<std::string>> changed;   // of a diff that was judged: labels without lines of what differs by more than chance, sorted
};

class Profile {
 public:
  static constexpr NodeId kRoot = 0;
  static constexpr FrameId kNoFrame = 0;  // the root's frame: empty

  Profile();
  Profile(Profile&&) noexcept = default;
  Profile& operator=(Profile&&) noexcept = default;

  // The id of an equal frame, made on first sight.
  FrameId intern(const Frame& frame);
  // A frame of its own that is not named yet: native code is symbolised after sampling.
  FrameId placeholder(FrameKind kind, std::uint64_t address);
  // Says what a placeholder is: frames, outermost first (inlined callees follow their caller).
  void replace(FrameId placeholder, std::span<const FrameId> with);
  // The innermost frame that a placeholder was said to be; the frame itself where it is none, or not named yet.
  FrameId named(FrameId id) const { return replacements_[id].empty() ? id : replacements_[id].back(); }
  // Says how a symbol ended that a frame's name leaves out (`.isra.0`): letters, digits, dots and underscores; a few of each
  // frame are kept, once each.
  void note_ending(FrameId frame, std::string_view ending);
  // By frame, sorted.
  const std::map<FrameId, std::vector<std::string>>& endings() const { return endings_; }
  // Rebuilds the tree with every replacement made. Frame ids stay valid; node ids do not.
  void settle();
  // Replaces what lies deeper than `depth` frames by one frame, `below`, that keeps its weight. Node ids change.
  void cut(std::size_t depth, FrameId below);

  // Keeps what was sampled at or after an instant (by both clocks), as its moments say; needs them. Returns the new id of
  // each node, kRoot of what is gone. Lanes have new ids too.
  std::vector<NodeId> forget_before(std::uint64_t monotonic_ns, std::uint64_t wall_ns);

  // Adds a stack, outermost frame first.
  void add(std::span<const FrameId> stack, std::uint64_t weight) { add_at(kRoot, stack, weight); }
  NodeId add_at(NodeId from, std::span<const FrameId> stack, std::uint64_t weight);
  NodeId child(NodeId parent, FrameId frame);   // found or made
  Node& node(NodeId id) { return nodes_[id]; }

  std::span<const Node> nodes() const { return nodes_; }
  const Frame& frame(FrameId id) const { return frames_[id]; }
  std::size_t frame_count() const { return frames_.size(); }
  std::uint64_t total() const;
  // Weight of each node with all below it, by node id; one reverse pass.
  std::vector<std::uint64_t> totals() const;
  // The stack of a node, outermost first.
  void stack(NodeId id, std::vector<FrameId>& out) const;

  // A sample of a stack that was added, and when; kept where moments are (Moments::begin).
  void add_moment(LaneId lane, std::uint64_t monotonic_ns, NodeId node, std::uint64_t weight) {
    moments.add(lane, monotonic_ns, node, weight, description.unit == "nanoseconds");
  }

  Description description;
  Moments moments;
  Timeline timeline;

 private:
  std::string_view keep(std::string_view text);
  void rebuild(const std::vector<Node>& old);
  void grow_children();
  void index_children();

  std::deque<Frame> frames_;
  std::vector<Node> nodes_;
  std::vector<NodeId> children_;              // open-addressed (parent, frame) -> node, but for parent + 1
  std::size_t branches_ = 0;                  // nodes in it
  std::vector<FrameId> frame_table_;          // open-addressed frame -> id
  std::vector<std::vector<FrameId>> replacements_;  // by frame id; empty: itself
  std::map<FrameId, std::vector<std::string>> endings_;
  std::vector<std::unique_ptr<char[]>> text_;
  std::size_t text_left_ = 0;
};

}  // namespace sampan

#include "flamegraph/routes.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

#include "flamegraph/merge.hpp"

namespace sampan {
namespace {

struct Rule {
  std::string_view framework, function, place, own;
};
constexpr Rule kRules[] = {
#define ROUTE(...) {__VA_ARGS__},
#include "flamegraph/routes.def"
};
constexpr std::string_view kNoHandlers =
#define NO_HANDLERS(words) words
#include "flamegraph/routes.def"
    ;
constexpr std::string_view kNone = "[no route]";

// Files are told from where a program looks for them (`flask/app.py`) or from the root on.
bool holds(const Frame& frame, std::string_view word) {
  if (frame.name.find(word) != std::string_view::npos || frame.file.find(word) != std::string_view::npos) return true;
  return word.starts_with('/') && frame.file.starts_with(word.substr(1));
}

bool holds_any(const Frame& frame, std::string_view words) {
  while (!words.empty()) {
    const std::size_t end = std::min(words.find(' '), words.size());
    if (holds(frame, words.substr(0, end))) return true;
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  return false;
}

// `function` is all of the name, or its last part: `Class.function`, `Class::function`, `Class#function`.
bool is_named(std::string_view name, std::string_view function) {
  if (!name.ends_with(function)) return false;
  return name.size() == function.size() || std::string_view(".:#\\").find(name[name.size() - function.size() - 1]) != std::string_view::npos;
}

const Rule* dispatcher(const Frame& frame) {
  const auto found = std::find_if(std::begin(kRules), std::end(kRules), [&](const Rule& r) { return is_named(frame.name, r.function) && holds(frame, r.place); });
  return found == std::end(kRules) ? nullptr : &*found;
}

// Of code that no request handler is written in, and that stands anywhere between frames which are.
bool is_between(FrameKind kind) { return kind == FrameKind::Native || kind == FrameKind::Kernel || kind == FrameKind::Note; }

// What is known at a node of the tree, from its stack down to it.
struct Place {
  FrameId handler = Profile::kNoFrame;
  const Rule* awaits = nullptr;   // a dispatcher has been met: what it calls is the handler
  bool torn = false;              // a frame above is not known: it may have been the script
};

class Router {
 public:
  Router(const Profile& from, Profile& out) : from_(from), out_(out), rule_of_(from.frame_count()) {
    for (FrameId id = 1; id < from.frame_count(); ++id) rule_of_[id] = dispatcher(from.frame(id));
    none_ = out.intern({FrameKind::Route, kNone, {}});
  }

  Place step(Place at, FrameId id) {
    const Frame& frame = from_.frame(id);
    if (is_group(frame.kind)) return {};
    if (rule_of_[id] != nullptr) return {at.handler, rule_of_[id], at.torn};
    at.torn |= frame.kind == FrameKind::Note;
    if (is_between(frame.kind)) return at;
    if (at.awaits != nullptr) {
      if (holds_any(frame, at.awaits->own)) return at;
      if (!is_framework(frame)) at.handler = route(frame);
      at.awaits = nullptr;
    } else if (frame.kind == FrameKind::Php && at.handler == Profile::kNoFrame && !at.torn && !frame.file.empty()) {
      at.handler = out_.intern({FrameKind::Route, frame.file, {}});
    }
    return at;
  }
  FrameId route_of(const Place& place) const { return place.handler == Profile::kNoFrame ? none_ : place.handler; }

 private:
  FrameId route(const Frame& frame) { return out_.intern({FrameKind::Route, frame.name, frame.file}); }
  static bool is_framework(const Frame& frame) {
    return holds_any(frame, kNoHandlers) || std::any_of(std::begin(kRules), std::end(kRules), [&](const Rule& r) { return holds_any(frame, r.own); });
  }

  const Profile& from_;
  Profile& out_;
  std::vector<const Rule*> rule_of_;   // by frame id
  FrameId none_;
};

}  // namespace

namespace {

// Nodes that a stack or a moment ends at; the others come with what lies below them.
std::vector<bool> ends_of(const Profile& profile) {
  std::vector<bool> ends(profile.nodes().size());
  for (NodeId id = 0; id < ends.size(); ++id) ends[id] = profile.nodes()[id].self != 0 || profile.nodes()[id].baseline != 0;
  for (const Lane& lane : profile.moments.lanes()) {
    for (const TimedSample& moment : lane.moments) ends[moment.node] = true;
  }
  return ends;
}

}  // namespace

Profile by_route(const Profile& profile) {
  Profile out;
  out.description = profile.description;
  Router router(profile, out);
  const auto nodes = profile.nodes();
  const std::vector<bool> ends = ends_of(profile);
  std::vector<FrameId> same(profile.frame_count());
  for (FrameId id = 1; id < profile.frame_count(); ++id) same[id] = out.intern(profile.frame(id));
  std::vector<Place> places(nodes.size());
  std::vector<NodeId> moved(nodes.size(), Profile::kRoot);
  std::vector<FrameId> stack;
  for (NodeId id = 1; id < nodes.size(); ++id) {
    places[id] = router.step(places[nodes[id].parent], nodes[id].frame);
    if (!ends[id]) continue;
    stack.clear();
    profile.stack(id, stack);
    const auto code = std::find_if(stack.begin(), stack.end(), [&](FrameId f) { return !is_group(profile.frame(f).kind); });
    const auto groups = code - stack.begin();
    const bool any = code != stack.end();
    for (FrameId& frame : stack) frame = same[frame];
    if (any) stack.insert(stack.begin() + groups, router.route_of(places[id]));
    moved[id] = out.add_at(Profile::kRoot, stack, nodes[id].self);
    out.node(moved[id]).baseline += nodes[id].baseline;
  }
  if (profile.moments.any()) add_moments(out, profile, moved);
  return out;
}

}  // namespace sampan

#include "samplers/tiers/stacks.hpp"

namespace sampan {
namespace {

FrameId thread_root(Context& context, const Target& target, const Thread& thread) {
  std::string name = target.walker->thread_name(thread.tid());
  if (name.empty()) name = thread.name();
  return context.profile.intern({FrameKind::Thread, name, {}, static_cast<std::uint32_t>(thread.tid())});
}

}  // namespace

Walked walk_stack(Context& context, const Target& target, Thread& thread, const ThreadSnapshot& snapshot, std::vector<FrameId>& stack) {
  stack.clear();
  if (context.options.by_process) stack.push_back(target.root);
  if (context.options.by_thread) {
    if (thread.root == Profile::kNoFrame) thread.root = thread_root(context, target, thread);
    stack.push_back(thread.root);
  }
  if (context.options.event == Event::Gil && !target.walker->holds_lock(snapshot)) return Walked::NoFrames;
  return target.walker->walk(snapshot, stack);
}

NodeId add_sample(Context& context, const Target& target, Thread& thread, std::span<const FrameId> stack, std::uint64_t at_ns, std::uint64_t weight) {
  const NodeId node = context.profile.add_at(Profile::kRoot, stack, 0);
  add_again(context, target, thread, node, at_ns, weight);
  return node;
}

void add_again(Context& context, const Target& target, Thread& thread, NodeId node, std::uint64_t at_ns, std::uint64_t weight) {
  context.profile.node(node).self += weight;
  if (!context.profile.moments.kept()) return;
  if (thread.lane == Thread::kNoLane) {
    if (thread.root == Profile::kNoFrame) thread.root = thread_root(context, target, thread);
    thread.lane = context.profile.moments.lane(target.root, thread.root);
  }
  context.profile.add_moment(thread.lane, at_ns, node, weight);
}

bool count_walk(Quality& quality, Walked walked) {
  switch (walked) {
    case Walked::NoFrames: ++quality.idle; return false;
    case Walked::Failed: ++quality.failed; return false;
    case Walked::Suspect: ++quality.suspect; return true;
    case Walked::Truncated: ++quality.truncated; return true;
    case Walked::Whole: return true;
  }
  return false;
}

}  // namespace sampan

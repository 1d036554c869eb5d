#include "samplers/tiers/stacks.hpp"

#include <fmt/format.h>

#include <random>

namespace sampan {
namespace {

FrameId intern_thread(Context& context, const Thread& thread, std::string_view name) {
  return context.profile.intern({FrameKind::Thread, name, {}, static_cast<std::uint32_t>(thread.tid())});
}

// A runtime knows what it calls a thread once that runs its code; before that, the system's name has to do.
void name_thread(Context& context, const Target& target, Thread& thread) {
  const std::string name = target.walker->thread_name(thread.tid());
  thread.root = intern_thread(context, thread, name.empty() ? thread.name() : name);
  thread.lane = Thread::kNoLane;
}

FrameId root_of(Context& context, const Thread& thread) {
  return thread.root == Profile::kNoFrame ? intern_thread(context, thread, thread.name()) : thread.root;
}

// A library's own thread, a call without the interpreter: what it does, only the machine's stack can show.
FrameId native_thread(Context& context, const Target& target, const Thread& thread) {
  return context.profile.intern({FrameKind::Native, fmt::format("[thread {} without {} frames]", thread.name(), target.runtime->name), {}});
}

}  // namespace

bool due(const Target& target) {
  if (target.share >= 1) return true;
  static std::minstd_rand engine(std::random_device{}());
  return std::uniform_real_distribution<double>(0, 1)(engine) < target.share;
}

Walked walk_stack(Context& context, const Target& target, Thread& thread, const ThreadSnapshot& snapshot, std::vector<FrameId>& stack) {
  stack.assign(target.above.begin(), target.above.end());
  if (context.options.by_process) stack.push_back(target.root);
  const Options& options = context.options;
  const bool holds = target.runtime->lock && (options.event == Event::Gil || options.mark_lock) && target.walker->holds_lock(snapshot);
  if (options.event == Event::Gil && target.runtime->lock && !holds) return Walked::NoFrames;
  const std::size_t mark = stack.size();
  if (options.mark_lock && holds) stack.push_back(context.profile.intern({FrameKind::Note, kHoldsLock, {}}));
  const Walked walked = target.walker->walk(snapshot, stack);
  // A thread that runs on may have let go of the lock before its stack was read.
  const bool runs_on = !snapshot.registers && !snapshot.deferred;
  const auto at = stack.begin() + static_cast<std::ptrdiff_t>(mark);
  if (options.mark_lock && holds && runs_on && !target.walker->holds_lock(snapshot)) stack.erase(at);
  const bool framed = walked != Walked::NoFrames && walked != Walked::Failed;
  if (framed && thread.root == Profile::kNoFrame && (options.by_thread || context.profile.moments.kept())) name_thread(context, target, thread);
  if (options.by_thread) stack.insert(stack.begin() + static_cast<std::ptrdiff_t>(mark), root_of(context, thread));
  return walked;
}

NodeId add_sample(Context& context, const Target& target, Thread& thread, std::span<const FrameId> stack, std::uint64_t at_ns, std::uint64_t weight) {
  const NodeId node = context.profile.add_at(Profile::kRoot, stack, 0);
  add_again(context, target, thread, node, at_ns, weight);
  return node;
}

void add_again(Context& context, const Target& target, Thread& thread, NodeId node, std::uint64_t at_ns, std::uint64_t weight) {
  context.profile.node(node).self += weight;
  if (!context.profile.moments.kept()) return;
  if (thread.lane == Thread::kNoLane) thread.lane = context.profile.moments.lane(target.root, root_of(context, thread));
  context.profile.add_moment(thread.lane, at_ns, node, weight);
}

void forget_places(Target& target) {
  for (auto& [tid, thread] : target.threads.all()) {
    thread.last_node = Profile::kRoot;
    thread.lane = Thread::kNoLane;
  }
}

bool count_walk(Context& context, const Target& target, const Thread& thread, Walked walked, bool ran, Quality& quality, std::vector<FrameId>& stack) {
  switch (walked) {
    case Walked::NoFrames:
      if (!ran || context.options.event == Event::Gil) return ++quality.idle, false;
      ++quality.frameless;
      stack.push_back(native_thread(context, target, thread));
      return true;
    case Walked::Failed: ++quality.failed; return false;
    case Walked::Suspect: ++quality.suspect; return true;
    case Walked::Truncated: ++quality.truncated; return true;
    case Walked::Whole: return true;
  }
  return false;
}

}  // namespace sampan

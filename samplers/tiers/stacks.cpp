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

#include "samplers/tiers/roots.hpp"

namespace sampan {

void begin_stack(Context& context, const Target& target, Thread& thread, std::vector<FrameId>& stack) {
  stack.clear();
  if (context.options.by_process) stack.push_back(target.root);
  if (!context.options.by_thread) return;
  if (thread.root == Profile::kNoFrame) {
    std::string name = target.walker->thread_name(thread.tid());
    if (name.empty()) name = thread.name();
    Frame frame{FrameKind::Thread, name, {}, static_cast<std::uint32_t>(thread.tid())};
    thread.root = context.profile.intern(frame);
  }
  stack.push_back(thread.root);
}

}  // namespace sampan

// A forked child with a known stack, under a tier, for tests of tiers.
#pragma once

#include <signal.h>
#include <sys/wait.h>

#include <string>
#include <vector>

#include "samplers/runtimes.hpp"
#include "samplers/tiers/tiers.hpp"

namespace sampan {

// Runs `body` in a child until the test ends.
class Child {
 public:
  template <typename Body>
  explicit Child(Body body) : pid_(fork()) {
    if (pid_ == 0) {
      body();
      _exit(0);
    }
  }
  ~Child() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Child(const Child&) = delete;
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

inline Target target_of(pid_t pid, Context& context) {
  auto process = std::make_unique<Process>(std::move(*open_process(*identify(pid))));
  const Runtime* runtime = find_runtime("native");
  auto walker = *runtime->open(*process, context);
  Target target{std::move(process), runtime, std::move(walker), Threads(pid)};
  target.root = context.profile.intern({FrameKind::Process, "child", {}, static_cast<std::uint32_t>(pid)});
  return target;
}

// Weight of the stacks that hold a frame whose name contains `part`; and of all.
inline std::uint64_t weight_with(const Profile& profile, std::string_view part) {
  std::uint64_t sum = 0;
  std::vector<FrameId> stack;
  for (NodeId id = 1; id < profile.nodes().size(); ++id) {
    profile.stack(id, stack);
    bool found = false;
    for (const FrameId frame : stack) found |= profile.frame(frame).name.find(part) != std::string_view::npos;
    if (found) sum += profile.nodes()[id].self;
  }
  return sum;
}

// Weight of the child's own thread: ThreadSanitizer's runtime starts a thread of its own in each process.
inline std::uint64_t weight_of_child(const Profile& profile) { return profile.total() - weight_with(profile, "BackgroundThread"); }

}  // namespace sampan

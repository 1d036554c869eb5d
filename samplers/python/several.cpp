#include "samplers/python/several.hpp"

#include <algorithm>

namespace sampan::python {
namespace {

class SeveralWalker final : public Walker {
 public:
  explicit SeveralWalker(std::vector<std::unique_ptr<Walker>> walkers) : walkers_(std::move(walkers)) {}

  // A thread that runs one inside the other has the frames of both, one below the other.
  Walked walk(const ThreadSnapshot& thread, std::vector<FrameId>& frames) override {
    Walked all = Walked::NoFrames;
    for (const auto& walker : walkers_) {
      const std::size_t before = frames.size();
      const Walked one = walker->walk(thread, frames);
      if (one == Walked::NoFrames || one == Walked::Failed) frames.resize(before);
      if (all == Walked::NoFrames || all == Walked::Whole) all = one == Walked::NoFrames ? all : one;
    }
    return all;
  }
  bool holds_lock(const ThreadSnapshot& thread) override {
    return std::any_of(walkers_.begin(), walkers_.end(), [&](const auto& walker) { return walker->holds_lock(thread); });
  }
  std::string thread_name(pid_t tid) override {
    for (const auto& walker : walkers_) {
      if (auto name = walker->thread_name(tid); !name.empty()) return name;
    }
    return {};
  }
  void refresh() override {
    for (const auto& walker : walkers_) walker->refresh();
  }
  void observe_stopped(const ThreadSnapshot& thread) override {
    for (const auto& walker : walkers_) walker->observe_stopped(thread);
  }
  Result<KernelWalk> kernel_walk() override {
    return fail(Exit::CannotSample, "the kernel walks one Python a process, and this one has {}: tier \"memory\" or \"ptrace\" does", walkers_.size());
  }
  void resolve(Profile& profile) override {
    for (const auto& walker : walkers_) walker->resolve(profile);
  }

 private:
  std::vector<std::unique_ptr<Walker>> walkers_;
};

}  // namespace

std::unique_ptr<Walker> several(std::vector<std::unique_ptr<Walker>> walkers) { return std::make_unique<SeveralWalker>(std::move(walkers)); }

}  // namespace sampan::python

// The memory tier: nothing is stopped. A thread that did not run is told by its unchanged run time, one that ran
// by its scheduler state before and after the read.
#include <algorithm>
#include <chrono>

#include "samplers/base/clock.hpp"
#include "samplers/tiers/stacks.hpp"
#include "samplers/tiers/tiers.hpp"

namespace sampan {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kRefreshEvery = std::chrono::milliseconds(250);

struct Reading {
  Target target;
  TickBudget budget;
};

class MemoryTier final : public Sampler {
 public:
  explicit MemoryTier(Context& context) : context_(context) {}

  Tier tier() const override { return Tier::Memory; }
  const Quality& quality() const override { return quality_; }

  Result<void> add(Target target) override {
    if (!target.runtime->memory) {
      return fail(Exit::CannotSample, "{} cannot be sampled by memory alone: its stacks need the ebpf or ptrace tier",
                  target.runtime->name);
    }
    target.threads.refresh();
    targets_.push_back(std::make_unique<Reading>(Reading{std::move(target), {}}));
    return {};
  }

  void remove(Identity id) override {
    std::erase_if(targets_, [&](auto& reading) {
      if (reading->target.process->id != id) return false;
      reading->target.walker->resolve(context_.profile);
      return true;
    });
  }

  bool tick() override {
    const auto now = Clock::now();
    const bool refresh = now - refreshed_ >= kRefreshEvery;
    if (refresh) refreshed_ = now;
    bool alive = false;
    for (auto& reading : targets_) alive |= sample(*reading, refresh);
    return alive;
  }

  void resolve() override { finish(); }

  void finish() override {
    for (auto& reading : targets_) reading->target.walker->resolve(context_.profile);
  }

 private:
  // False where the process is gone.
  bool sample(Reading& reading, bool refresh) {
    return each_thread(context_.options, reading.target, reading.budget, targets_.size() == 1, refresh, quality_,
                       [&](Thread& thread) { sample(reading.target, thread); });
  }

  void sample(Target& target, Thread& thread) {
    const bool unchanged = thread.unchanged();
    const bool ran = !unchanged && thread.runs();
    if (context_.options.exclude_idle) {
      if (!ran) return idle();
    } else if (unchanged && thread.last_node != Profile::kRoot && context_.options.event != Event::Gil) {
      return take(target, thread);  // it did not run: its stack is the last one still
    }
    ThreadSnapshot snapshot;
    snapshot.tid = thread.tid();
    snapshot.inner_tid = thread.inner_tid();
    const std::uint64_t at = now_ns();
    const Walked walked = walk_stack(context_, target, thread, snapshot, stack_);
    if (context_.options.exclude_idle && !thread.runs()) return idle();
    thread.last_node = Profile::kRoot;
    if (!count_walk(quality_, walked)) return;
    const NodeId node = add_sample(context_, target, thread, stack_, at, 1);
    if (walked != Walked::Suspect) thread.last_node = node;
    ++quality_.taken;
  }

  void idle() { ++quality_.idle; }
  void take(const Target& target, Thread& thread) {
    add_again(context_, target, thread, thread.last_node, now_ns(), 1);
    ++quality_.taken;
  }

  Context& context_;
  std::vector<std::unique_ptr<Reading>> targets_;
  std::vector<FrameId> stack_;
  Quality quality_;
  Clock::time_point refreshed_ = Clock::now();
};

}  // namespace

std::unique_ptr<Sampler> open_memory_tier(Context& context) { return std::make_unique<MemoryTier>(context); }

}  // namespace sampan

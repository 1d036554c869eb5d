// The memory tier: nothing is stopped. A thread that did not run is told by its unchanged run time, one that ran
// by its scheduler state before and after the read. That state is the same of a thread that only waits for a processor:
// how long it waited, the kernel says afterwards, and as large a share of its samples is taken back.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <random>

#include "samplers/base/clock.hpp"
#include "samplers/tiers/doubting.hpp"
#include "samplers/tiers/stacks.hpp"
#include "samplers/tiers/tiers.hpp"

namespace sampan {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kRefreshEvery = std::chrono::milliseconds(250);

constexpr std::uint64_t kTicks = 9'000'000;   // ns in which the run time of a thread that runs has grown: two of the kernel's ticks

// Samples of a thread that was ready to run, since a look at its times, until these have changed.
struct Ready {
  struct Sample {
    NodeId node;
    Walked walked;
    unsigned weight;   // ticks that it stands for
  };
  SchedStat then;
  std::uint64_t at = 0;   // CLOCK_MONOTONIC, ns
  std::vector<Sample> samples;
};

// The share of the time since then for which the thread waited for a processor; -1: it cannot be told yet.
double waiting_share(const Ready& ready, const SchedStat& now, std::uint64_t at) {
  const std::uint64_t time = std::max<std::uint64_t>(at - ready.at, 1);
  if (now.turns == 0 || now.waited < ready.then.waited) return 0;   // a kernel that does not count
  if (now.turns == ready.then.turns && now.ran == ready.then.ran) return time > kTicks ? 1 : -1;   // 1: it waits still
  return std::min(1.0, static_cast<double>(now.waited - ready.then.waited) / static_cast<double>(time));
}

// How often a process's stacks were suspect, of the last thousand.
class Doubt {
 public:
  void take(Walked walked) {
    suspect_ += walked == Walked::Suspect;
    ++stacks_;
    // What is left of them less three times what chance makes is still more than a twentieth.
    proven_ |= static_cast<double>(suspect_) - 3 * std::sqrt(static_cast<double>(suspect_)) > stacks_ / 20.0;
    if (stacks_ == 1000) stacks_ = suspect_ = 0;
  }
  bool proven() const { return proven_; }

 private:
  unsigned stacks_ = 0, suspect_ = 0;
  bool proven_ = false;
};

struct Reading {
  Target target;
  Turns turns;
  std::map<pid_t, Ready> ready;
  Doubt doubt;
};

class MemoryTier final : public Sampler, public Doubting {
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
    targets_.push_back(std::make_unique<Reading>(Reading{std::move(target), {}, {}, {}}));
    return {};
  }

  std::vector<Identity> doubtful() const override {
    std::vector<Identity> found;
    for (const auto& reading : targets_) {
      if (reading->doubt.proven()) found.push_back(reading->target.process->id);
    }
    return found;
  }

  void remove(Identity id) override {
    std::erase_if(targets_, [&](auto& reading) {
      if (reading->target.process->id != id) return false;
      reading->target.walker->resolve(context_.profile);
      return true;
    });
  }

  bool tick() override {
    tick_ns_ = now_ns();
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

  // Samples that were to be judged yet stay as they are: those of milliseconds.
  void renumber(std::span<const NodeId>) override {
    for (auto& reading : targets_) {
      forget_places(reading->target);
      reading->ready.clear();
    }
  }

 private:
  // False where the process is gone.
  bool sample(Reading& reading, bool refresh) {
    return each_thread(context_.options, reading.target, reading.turns, targets_.size() == 1, refresh, quality_,
                       [&](Thread& thread, unsigned weight) { return sample(reading, thread, weight); });
  }

  // Which of the thread's last samples were of a thread on a processor: as it waited for one it was idle.
  void judge(Reading& reading, const Thread& thread) {
    const auto found = reading.ready.find(thread.tid());
    if (found == reading.ready.end() || found->second.samples.empty()) return;
    Ready& ready = found->second;
    const SchedStat now = thread.schedstat();
    const std::uint64_t at = now_ns();
    const double share = waiting_share(ready, now, at);
    if (share < 0) return;
    for (const Ready::Sample& sample : ready.samples) {
      if (std::uniform_real_distribution<double>(0, 1)(random_) >= share) continue;
      context_.profile.node(sample.node).self -= sample.weight;
      for (unsigned i = 0; i < sample.weight && thread.lane != Thread::kNoLane; ++i) context_.profile.moments.take_back(thread.lane, sample.node);
      quality_.taken -= sample.weight;
      quality_.idle += sample.weight - 1;
      quality_.frameless -= sample.walked == Walked::NoFrames;
      quality_.suspect -= sample.walked == Walked::Suspect;
      quality_.truncated -= sample.walked == Walked::Truncated;
      idle();
    }
    ready.then = now;
    ready.at = at;
    ready.samples.clear();
  }

  // Whether the thread may have run since the last look.
  bool sample(Reading& reading, Thread& thread, unsigned weight) {
    const bool unchanged = thread.unchanged();
    judge(reading, thread);
    look(reading, thread, unchanged, weight);
    return !unchanged;
  }

  void look(Reading& reading, Thread& thread, bool unchanged, unsigned weight) {
    Target& target = reading.target;
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
    if (!count_walk(context_, target, thread, walked, ran, quality_, stack_)) return;
    reading.doubt.take(walked);
    const NodeId node = add_sample(context_, target, thread, stack_, at, weight);
    if (walked != Walked::Suspect && walked != Walked::NoFrames) thread.last_node = node;
    count_taken(quality_, weight);
    if (context_.options.event == Event::Cpu) note_ready(reading.ready[thread.tid()], thread, {node, walked, weight});
  }

  void note_ready(Ready& ready, const Thread& thread, Ready::Sample sample) {
    if (ready.samples.empty() && ready.at < tick_ns_) {
      ready.then = thread.schedstat();
      ready.at = now_ns();
    }
    ready.samples.push_back(sample);
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
  std::uint64_t tick_ns_ = 0;
  std::minstd_rand random_{static_cast<unsigned>(now_ns())};
  Clock::time_point refreshed_ = Clock::now();
};

}  // namespace

std::unique_ptr<Sampler> open_memory_tier(Context& context) { return std::make_unique<MemoryTier>(context); }

}  // namespace sampan

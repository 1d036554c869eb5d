// The ptrace tier: one running thread at a time is stopped for the time of one copy; what sleeps is never stopped.
#include <algorithm>
#include <utility>

#include "samplers/base/clock.hpp"
#include "samplers/base/log.hpp"
#include "samplers/tiers/stacks.hpp"
#include "samplers/tiers/stop.hpp"
#include "samplers/tiers/tiers.hpp"

namespace sampan {
namespace {

constexpr std::uint64_t kRefreshEvery = 250'000'000;
// From a thread's giving way to this agent until the agent looks at the clock: what the agent ran for since it lay down, within these.
constexpr std::uint64_t kLeastWakeNs = 30'000, kMostWakeNs = 200'000;
constexpr std::uint64_t kPromptNs = 1'000'000;           // a thread that runs has stopped by then
constexpr std::uint64_t kStopWithinNs = 100'000'000;
constexpr std::size_t kStackBytes = 64 * 1024;
constexpr std::size_t kMostStackBytes = 512 * 1024;   // for a target whose stacks prove deeper

struct Traced {
  Target target;
  StackCapture capture;
  pid_t late = 0;                 // the thread that did not stop in time, last: nothing else of the target is stopped until it is free
  bool told = false;
  TickBudget budget;

  explicit Traced(Target t) : target(std::move(t)) { capture.buffer.resize(kStackBytes); }
};

class PtraceTier final : public Sampler {
 public:
  explicit PtraceTier(Context& context) : context_(context) {}

  Tier tier() const override { return Tier::Ptrace; }
  const Quality& quality() const override {
    quality_.stops = tracer_.stops();
    return quality_;
  }

  Result<void> add(Target target) override {
    target.threads.refresh();
    targets_.push_back(std::make_unique<Traced>(std::move(target)));
    return {};
  }

  void remove(Identity id) override {
    std::erase_if(targets_, [&](auto& traced) {
      if (traced->target.process->id != id) return false;
      traced->target.walker->resolve(context_.profile);
      return true;
    });
  }

  bool tick() override {
    woke_ns_ = now_ns();
    wake_took_ns_ = std::clamp(now_ns(CLOCK_THREAD_CPUTIME_ID) - lay_down_ns_, kLeastWakeNs, kMostWakeNs);
    waited_ = false;
    const bool refresh = woke_ns_ - refreshed_ns_ >= kRefreshEvery;
    if (refresh) refreshed_ns_ = woke_ns_;
    bool alive = false;
    for (auto& traced : targets_) alive |= sample(*traced, refresh);
    return alive;
  }

  bool waited() const override { return waited_; }
  bool settle(std::uint64_t until) override {
    const bool settled = tracer_.settle(until);
    lay_down_ns_ = now_ns(CLOCK_THREAD_CPUTIME_ID);
    return settled;
  }
  void abandon() override { tracer_.abandon(); }

  void resolve() override {
    for (auto& traced : targets_) traced->target.walker->resolve(context_.profile);
  }

  void renumber(std::span<const NodeId>) override {
    for (auto& traced : targets_) forget_places(traced->target);
  }

  void finish() override {
    for (auto& traced : targets_) traced->target.walker->resolve(context_.profile);
    quality_.unresolved = context_.unresolved;
    quality_.inferred = context_.inferred;
  }

 private:
  // False where the process is gone.
  bool sample(Traced& traced, bool refresh) {
    return each_thread(context_.options, traced.target, traced.budget, targets_.size() == 1, refresh, quality_,
                       [&](Thread& thread) { sample(traced, thread); });
  }

  void sample(Traced& traced, Thread& thread) {
    const bool unchanged = thread.unchanged();
    const bool all = !context_.options.exclude_idle;
    if (unchanged && !all) return idle();
    if (unchanged && thread.last_node != Profile::kRoot) {
      add_again(context_, traced.target, thread, thread.last_node, now_ns(), 1);
      ++quality_.taken;
      return;
    }
    const char state = thread.state();
    if (state == 'R') return stop(traced, thread);
    if (state == 'T') ++quality_.stopped;
    if (state == 't') ++quality_.traced;
    if (all && (state == 'S' || state == 'D')) return look_at_sleeping(traced, thread);
    idle();
  }

  void stop(Traced& traced, Thread& thread) {
    if (!tracer_.settle() && tracer_.is_late(traced.late)) {
      ++quality_.late;
      return;
    }
    const SchedStat before = thread.schedstat();
    const std::uint64_t asked = now_ns();
    SchedStat at_stop;
    const auto meanwhile = [&] {
      at_stop = thread.schedstat();
      waited_ |= traced.capture.stopped_at > asked + kPromptNs;
      traced.target.walker->observe_stopped(snapshot_of(traced, thread, true));
    };
    switch (tracer_.capture(thread.tid(), *traced.target.process->memory, kStopWithinNs, traced.capture, meanwhile)) {
      case Stopped::Copied: {
        const bool ran = was_running(before, at_stop, traced.capture.stopped_at);
        if (traced.capture.slept) woke_ns_ = traced.capture.taken_at;
        if (context_.options.event == Event::Cpu && !ran) return idle();
        record(traced, thread, true);
        return;
      }
      case Stopped::Gone: idle(); return;
      case Stopped::GroupStop: ++quality_.stopped; return;
      case Stopped::Traced: refused(traced, thread); return;
      case Stopped::Late:
        traced.late = thread.tid();
        ++quality_.late;
        return;
    }
  }

  // One that had to wait for a processor before it could stop was not running, and where it waits says nothing of where
  // it spends its time; unless it gave way to this agent.
  bool was_running(const SchedStat& before, const SchedStat& at_stop, std::uint64_t stopped_at) const {
    if (at_stop.turns == before.turns) return true;
    const std::uint64_t waits_since = stopped_at - (at_stop.waited - before.waited);
    return std::max(waits_since, woke_ns_) - std::min(waits_since, woke_ns_) <= wake_took_ns_;
  }

  void look_at_sleeping(Traced& traced, Thread& thread) {
    if (!capture_sleeping(traced.target.process->id.pid, thread.tid(), *traced.target.process->memory, traced.capture)) return idle();
    record(traced, thread, false);
  }

  void refused(Traced& traced, const Thread& thread) {
    ++quality_.traced;
    if (std::exchange(traced.told, true)) return;
    log_warning("thread {} of {} cannot be stopped: a debugger holds it, or the agent lacks SYS_PTRACE", thread.tid(),
                traced.target.process->name);
  }

  static ThreadSnapshot snapshot_of(const Traced& traced, const Thread& thread, bool whole_registers) {
    ThreadSnapshot snapshot;
    snapshot.tid = thread.tid();
    snapshot.inner_tid = thread.inner_tid();
    snapshot.registers = &traced.capture.registers;
    snapshot.fp_known = whole_registers;
    snapshot.taken_at = traced.capture.taken_at;
    snapshot.stack = Bytes(traced.capture.buffer).first(traced.capture.size);
    return snapshot;
  }

  void record(Traced& traced, Thread& thread, bool whole_registers) {
    const ThreadSnapshot snapshot = snapshot_of(traced, thread, whole_registers);
    const Walked walked = walk_stack(context_, traced.target, thread, snapshot, stack_);
    thread.last_node = Profile::kRoot;
    if (!count_walk(context_, traced.target, thread, walked, whole_registers, quality_, stack_)) return;
    if (walked == Walked::Truncated) read_deeper(traced);
    const NodeId node = add_sample(context_, traced.target, thread, stack_, traced.capture.taken_at, 1);
    if (!whole_registers) thread.last_node = node;
    ++quality_.taken;
  }

  // A copy that was full and did not reach the start: this target's stacks are deeper, the next copies are too.
  static void read_deeper(Traced& traced) {
    auto& buffer = traced.capture.buffer;
    if (traced.capture.size == buffer.size() && buffer.size() < kMostStackBytes) buffer.resize(buffer.size() * 2);
  }

  void idle() { ++quality_.idle; }

  Context& context_;
  std::vector<std::unique_ptr<Traced>> targets_;
  std::vector<FrameId> stack_;
  mutable Quality quality_;
  Tracer tracer_;
  std::uint64_t refreshed_ns_ = now_ns();
  bool waited_ = false;
  std::uint64_t woke_ns_ = 0;   // CLOCK_MONOTONIC: when this agent was last put on a processor, at the latest
  std::uint64_t wake_took_ns_ = kLeastWakeNs;   // and how long before that it may have been
  std::uint64_t lay_down_ns_ = 0;   // this thread's own processor time when it went to rest before this tick
};

}  // namespace

std::unique_ptr<Sampler> open_ptrace_tier(Context& context) {
  ask_for_short_slices();
  return std::make_unique<PtraceTier>(context);
}

}  // namespace sampan

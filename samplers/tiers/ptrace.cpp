// The ptrace tier: a running thread is stopped for the time of one copy, one that waits for a processor as soon as it gets it;
// what sleeps is never stopped.
#include <sched.h>

#include <algorithm>
#include <map>
#include <utility>

#include "samplers/base/clock.hpp"
#include "samplers/base/log.hpp"
#include "samplers/tiers/stacks.hpp"
#include "samplers/tiers/stop.hpp"
#include "samplers/tiers/tiers.hpp"

namespace sampan {
namespace {

constexpr std::uint64_t kRefreshEvery = 250'000'000;
// From a thread's giving way to this agent until the agent looks at the clock: twice what the agent ran for since it lay down (interrupts
// are not counted), within these.
constexpr std::uint64_t kLeastWakeNs = 50'000, kMostWakeNs = 200'000;
constexpr std::uint64_t kStopWithinNs = 300'000;   // a thread that runs, or gave way to this agent alone, has stopped by then
constexpr std::uint64_t kLateNs = 100'000;         // a thread that stood for longer waited for this agent
constexpr std::size_t kMostLate = 256;             // threads that were asked and still wait for a processor
constexpr std::size_t kStackBytes = 64 * 1024;
constexpr std::size_t kMostStackBytes = 512 * 1024;   // for a target whose stacks prove deeper

struct Traced {
  Target target;
  StackCapture capture;
  bool told = false;
  Turns turns;

  explicit Traced(Target t) : target(std::move(t)) { capture.buffer.resize(kStackBytes); }
};

// When this agent was put on a processor, and on which: at `ns` (CLOCK_MONOTONIC) at the latest, at most `took_ns` before.
struct Woke {
  std::uint64_t ns = 0, took_ns = kLeastWakeNs;
  int processor = -1;
  bool displaced(std::uint64_t waits_since, int waits_for) const {
    return std::max(waits_since, ns) - std::min(waits_since, ns) <= took_ns && waits_for == processor;
  }
};

// What is known of a thread from when it was asked to stop.
struct Asked {
  SchedStat before;
  int processor;   // that it was on or waited for
  Woke first, last;
  // One that had to wait for a processor before it could stop was not running, and where it waits says nothing of where
  // it spends its time; unless it gave way to this agent.
  bool was_running(const SchedStat& at_stop, std::uint64_t stopped_at) const {
    if (at_stop.turns == before.turns) return true;
    const std::uint64_t waits_since = stopped_at - (at_stop.waited - before.waited);
    return first.displaced(waits_since, processor) || last.displaced(waits_since, processor);
  }
};

// One that waits for a processor since it was asked: it stops before it runs on, and is sampled then for all that time.
struct Waiting {
  Traced* traced;
  Asked asked;
  unsigned weight;           // of the look that asked, see Slumber
  std::uint64_t looks = 0;   // at it, since
};

class PtraceTier final : public Sampler {
 public:
  explicit PtraceTier(Context& context) : context_(context), tracer_([this](pid_t tid, std::uint64_t stopped_at) { return stands_late(tid, stopped_at); }) {}

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
      std::erase_if(waiting_, [&](const auto& item) { return item.second.traced == traced.get(); });
      traced->target.walker->resolve(context_.profile);
      return true;
    });
  }

  bool tick() override {
    first_ = last_ = woke(now_ns(), lay_down_ns_);
    const bool refresh = first_.ns - refreshed_ns_ >= kRefreshEvery;
    if (refresh) refreshed_ns_ = first_.ns, forget_the_gone();
    tracer_.settle();
    bool alive = false;
    for (auto& traced : targets_) alive |= sample(*traced, refresh);
    return alive;
  }

  bool settle(std::uint64_t until) override {
    const bool settled = tracer_.settle(until);
    lay_down_ns_ = settled ? now_ns(CLOCK_THREAD_CPUTIME_ID) : tracer_.lay_down_ns();   // the caller sleeps now, or it was here
    return settled;
  }
  void abandon() override {
    waiting_.clear();
    tracer_.abandon();
  }

  void resolve() override {
    for (auto& traced : targets_) traced->target.walker->resolve(context_.profile);
  }

  void renumber(std::span<const NodeId>) override {
    for (auto& traced : targets_) forget_places(traced->target);
  }

  void finish() override {
    for (auto& traced : targets_) traced->target.walker->resolve(context_.profile);
    quality_.late += tracer_.late();
    quality_.unresolved = context_.unresolved;
    quality_.inferred = context_.inferred;
  }

 private:
  void forget_the_gone() {
    std::erase_if(waiting_, [&](const auto& item) { return !tracer_.is_late(item.first); });
    std::erase_if(freed_ns_, [&](const auto& item) { return item.second + kRefreshEvery < first_.ns; });
  }

  // False where the process is gone.
  bool sample(Traced& traced, bool refresh) {
    return each_thread(context_.options, traced.target, traced.turns, targets_.size() == 1, refresh, quality_,
                       [&](Thread& thread, unsigned weight) { return sample(traced, thread, weight); });
  }

  // Whether the thread may have run since the last look.
  bool sample(Traced& traced, Thread& thread, unsigned weight) {
    const bool unchanged = thread.unchanged();
    look(traced, thread, unchanged, weight);
    return !unchanged;
  }

  void look(Traced& traced, Thread& thread, bool unchanged, unsigned weight) {
    const bool all = !context_.options.exclude_idle;
    if (unchanged && !all) return idle();
    if (unchanged && thread.last_node != Profile::kRoot) {
      add_again(context_, traced.target, thread, thread.last_node, now_ns(), 1);
      ++quality_.taken;
      return;
    }
    const char state = thread.state();
    if (state == 'R') return stop(traced, thread, weight);
    if (state == 't' && tracer_.is_late(thread.tid())) return waits_on(thread);   // the stop is this agent's own
    if (state == 'T') ++quality_.stopped;
    if (state == 't') ++quality_.traced;
    if (all && (state == 'S' || state == 'D')) return look_at_sleeping(traced, thread);
    idle();
  }

  void stop(Traced& traced, Thread& thread, unsigned weight) {
    if (!tracer_.settle() && tracer_.is_late(thread.tid())) return waits_on(thread);
    if (just_freed(thread)) return idle();
    if (tracer_.late() >= kMostLate) {
      ++quality_.late;
      return;
    }
    const Asked asked{thread.schedstat(), thread.processor(), first_, last_};
    SchedStat at_stop;
    const auto meanwhile = [&] {
      at_stop = thread.schedstat();
      traced.target.walker->observe_stopped(snapshot_of(traced.capture, thread, true));
    };
    switch (tracer_.capture(thread.tid(), *traced.target.process->memory, kStopWithinNs, traced.capture, meanwhile)) {
      case Stopped::Copied: {
        const bool ran = asked.was_running(at_stop, traced.capture.stopped_at);
        if (traced.capture.slept) last_ = woke(traced.capture.taken_at, tracer_.lay_down_ns());
        if (context_.options.event == Event::Cpu && !ran) return idle();
        record(traced, thread, traced.capture, true, weight);
        return;
      }
      case Stopped::Gone: idle(); return;
      case Stopped::GroupStop: ++quality_.stopped; return;
      case Stopped::Traced: refused(traced, thread); return;
      case Stopped::Late:
        if (traced.capture.slept) last_ = woke(now_ns(), tracer_.lay_down_ns());
        waiting_.insert_or_assign(thread.tid(), Waiting{&traced, asked, weight});
        return;
    }
  }

  static Woke woke(std::uint64_t ns, std::uint64_t lay_down_ns) {
    unsigned processor = 0;
    ::getcpu(&processor, nullptr);   // sched_getcpu() takes it from where a process that shares its memory does not have it told
    return {ns, std::clamp(2 * (now_ns(CLOCK_THREAD_CPUTIME_ID) - lay_down_ns), kLeastWakeNs, kMostWakeNs), static_cast<int>(processor)};
  }

  // One that stood until this agent came, and runs on since: had the agent not been late, it would have been elsewhere.
  bool just_freed(const Thread& thread) const {
    const auto freed = freed_ns_.find(thread.tid());
    return freed != freed_ns_.end() && freed->second + kStopWithinNs >= first_.ns;
  }

  // It has not run since it was asked to stop: the look that asked decides.
  void waits_on(const Thread& thread) {
    const auto waiting = waiting_.find(thread.tid());
    if (waiting == waiting_.end()) return idle();   // another's number by now
    if (context_.options.event == Event::Cpu) return idle();
    ++waiting->second.looks;
  }

  // A thread that was late stands in its stop: copied if it is to be sampled, walked once it goes on.
  std::function<void()> stands_late(pid_t tid, std::uint64_t stopped_at) {
    const auto found = waiting_.extract(tid);
    if (!found) return {};
    const Waiting waiting = found.mapped();
    if (now_ns() - stopped_at > kLateNs) freed_ns_[tid] = now_ns();
    auto& threads = waiting.traced->target.threads.all();
    const auto thread = threads.find(tid);
    if (thread == threads.end()) return {};
    if (context_.options.event == Event::Cpu && !waiting.asked.was_running(thread->second.schedstat(), stopped_at)) return idle(), std::function<void()>{};
    late_capture_.buffer.resize(waiting.traced->capture.buffer.size());
    if (!Tracer::copy(tid, *waiting.traced->target.process->memory, late_capture_)) return {};
    waiting.traced->target.walker->observe_stopped(snapshot_of(late_capture_, thread->second, true));
    return [this, waiting, tid] { record(*waiting.traced, waiting.traced->target.threads.all().at(tid), late_capture_, true, waiting.weight, waiting.looks); };
  }

  void look_at_sleeping(Traced& traced, Thread& thread) {
    if (!capture_sleeping(traced.target.process->id.pid, thread.tid(), *traced.target.process->memory, traced.capture)) return idle();
    record(traced, thread, traced.capture, false, 1);
  }

  void refused(Traced& traced, const Thread& thread) {
    ++quality_.traced;
    if (std::exchange(traced.told, true)) return;
    log_warning("thread {} of {} cannot be stopped: a debugger holds it, or the agent lacks SYS_PTRACE", thread.tid(),
                traced.target.process->name);
  }

  static ThreadSnapshot snapshot_of(const StackCapture& capture, const Thread& thread, bool whole_registers) {
    ThreadSnapshot snapshot;
    snapshot.tid = thread.tid();
    snapshot.inner_tid = thread.inner_tid();
    snapshot.registers = &capture.registers;
    snapshot.fp_known = whole_registers;
    snapshot.taken_at = capture.taken_at;
    snapshot.stack = Bytes(capture.buffer).first(capture.size);
    return snapshot;
  }

  // `weight`: the ticks that its look stands for, see Slumber; `more`: looks that found it waiting for its stop since.
  void record(Traced& traced, Thread& thread, const StackCapture& capture, bool whole_registers, unsigned weight, std::uint64_t more = 0) {
    const ThreadSnapshot snapshot = snapshot_of(capture, thread, whole_registers);
    const Walked walked = walk_stack(context_, traced.target, thread, snapshot, stack_);
    thread.last_node = Profile::kRoot;
    if (!count_walk(context_, traced.target, thread, walked, whole_registers, quality_, stack_)) return;
    if (walked == Walked::Truncated && capture.size == traced.capture.buffer.size()) read_deeper(traced);
    const NodeId node = add_sample(context_, traced.target, thread, stack_, capture.taken_at, weight + more);
    if (!whole_registers) thread.last_node = node;
    count_taken(quality_, weight);
    quality_.taken += more;
  }

  // A copy that was full and did not reach the start: this target's stacks are deeper, the next copies are too.
  static void read_deeper(Traced& traced) {
    auto& buffer = traced.capture.buffer;
    if (buffer.size() < kMostStackBytes) buffer.resize(buffer.size() * 2);
  }

  void idle() { ++quality_.idle; }

  Context& context_;
  std::vector<std::unique_ptr<Traced>> targets_;
  std::vector<FrameId> stack_;
  mutable Quality quality_;
  std::map<pid_t, Waiting> waiting_;
  std::map<pid_t, std::uint64_t> freed_ns_;   // CLOCK_MONOTONIC: when those went on that had stood for long
  StackCapture late_capture_;
  Tracer tracer_;
  std::uint64_t refreshed_ns_ = now_ns();
  Woke first_, last_;   // of this tick
  std::uint64_t lay_down_ns_ = 0;   // this thread's own processor time when it went to rest before this tick
};

}  // namespace

std::unique_ptr<Sampler> open_ptrace_tier(Context& context) {
  ask_for_short_slices();
  return std::make_unique<PtraceTier>(context);
}

}  // namespace sampan

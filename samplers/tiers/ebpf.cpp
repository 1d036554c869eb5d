// The ebpf tier: the kernel walks, this drains. Mappings and rows are in the kernel before the first sample; code that
// is mapped later is met as unknown once and then followed.
#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <utility>

#include "samplers/base/clock.hpp"
#include "samplers/base/log.hpp"
#include "samplers/tiers/ebpf_forks.hpp"
#include "samplers/tiers/ebpf_program.hpp"
#include "samplers/tiers/ebpf_record.hpp"
#include "samplers/tiers/stacks.hpp"
#include "samplers/tiers/stop.hpp"
#include "samplers/tiers/tiers.hpp"

namespace sampan {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kRefreshEvery = std::chrono::milliseconds(1000);
constexpr auto kLongestRest = std::chrono::milliseconds(16000);   // of a process that gives no samples, between two refreshes
constexpr auto kRemapAfter = std::chrono::milliseconds(50);
constexpr std::uint64_t kShortestWaitNs = 1'000;

struct Wait {
  NodeId node;
  std::uint64_t since;
  std::uint32_t weight;
};

struct Watched {
  Target target;
  std::optional<AddressSpace> space; // where the machine's frames are wanted
  bool unmapped = false;             // samples met code that the space does not know
  bool seen = true;                  // samples came since it was refreshed
  bool alive = true;                 // when it was
  Clock::time_point remapped{};
  Clock::duration rest = kRefreshEvery;   // from one refresh to the next: longer where nothing of it is seen
  std::map<pid_t, Wait> waits;       // threads that wait now

  explicit Watched(Target t) : target(std::move(t)) {}
};

class EbpfTier final : public Sampler, public InKernel {
 public:
  EbpfTier(Context& context, std::unique_ptr<EbpfProgram> program) : context_(context), program_(std::move(program)) {
    const Event event = context.options.event;
    times_ = event == Event::Wall || event == Event::OffCpu;
    period_ns_ = 1'000'000'000 / context.options.rate;
    context.symbols.tell_kernel([this](std::uint64_t address) { return program_->kernel_name(address); });
  }

  Tier tier() const override { return Tier::Ebpf; }
  const Quality& quality() const override { return quality_; }
  KernelCost kernel_cost() const override { return program_->cost(); }

  Result<void> add(Target target) override {
    target.threads.refresh();
    auto watched = std::make_unique<Watched>(std::move(target));
    if (auto done = put(*watched); !done) return done;
    if (times_) note_sleepers(*watched);
    const pid_t pid = watched->target.process->id.pid;
    const Identity id = watched->target.process->id;
    watched_[pid] = std::move(watched);
    take_kept(id);
    return {};
  }

  void remove(Identity id) override {
    const auto found = watched_.find(id.pid);
    if (found == watched_.end() || found->second->target.process->id != id) return;
    drain();
    if (!forks_.contains(id.pid)) program_->remove(id.pid);   // else it is another's by now
    end_waits(*found->second);
    found->second->target.walker->resolve(context_.profile);
    watched_.erase(found);
    let_go_ = true;
  }

  bool tick() override {
    drain();
    program_->vary_period();
    const auto now = Clock::now();
    if (now - refreshed_ >= kRefreshEvery) {
      refreshed_ = now;
      alive_ = false;
      for (auto& [pid, watched] : watched_) alive_ |= refresh(*watched, now);
      for (const pid_t pid : forks_.expire(now)) program_->remove(pid);   // nobody wanted them
      trim();
    }
    return alive_;
  }

  void set_rate(double rate) override {
    program_->set_rate(rate);
    period_ns_ = static_cast<std::uint64_t>(1e9 / rate);
  }

  void resolve() override {
    for (auto& [pid, watched] : watched_) watched->target.walker->resolve(context_.profile);
  }

  // How long a sampled wait stands for is known at its end only.
  void flush() override {
    const std::uint64_t now = now_ns();
    for (auto& [pid, watched] : watched_) {
      for (auto& [tid, wait] : watched->waits) {
        if (wait.weight != 1 || now < wait.since + kShortestWaitNs) continue;
        add_again(context_, watched->target, thread_of(watched->target, tid), wait.node, wait.since, now - wait.since);
        wait.since = now;
      }
    }
  }

  void renumber(std::span<const NodeId> moved) override {
    for (auto& [pid, watched] : watched_) {
      forget_places(watched->target);
      for (auto& [tid, wait] : watched->waits) wait.node = moved[wait.node];
      std::erase_if(watched->waits, [](const auto& item) { return item.second.node == Profile::kRoot; });
    }
  }

  void finish() override {
    drain();
    for (auto& [pid, watched] : watched_) {
      program_->end(pid);
      end_waits(*watched);
      watched->target.walker->resolve(context_.profile);
    }
    quality_.unresolved = context_.unresolved;
    quality_.inferred = context_.inferred;
  }

 private:
  Result<void> put(Watched& watched) {
    const pid_t pid = watched.target.process->id.pid;
    sampan_target target{};
    target.space = static_cast<std::uint32_t>(pid);
    const auto walk = watched.target.walker->kernel_walk();
    if (!walk) return tl::unexpected(walk.error());
    if (watched.target.runtime->memory && walk->layout.empty()) {   // its own frames would be read later than the sample
      return fail(Exit::CannotSample, "the ebpf tier does not walk {} yet: tier \"memory\" or \"ptrace\" does", watched.target.runtime->name);
    }
    if (walk->machine) {
      target.flags |= SAMPAN_TARGET_KERNEL | SAMPAN_TARGET_MACHINE;
      if (!watched.space) watched.space.emplace(*watched.target.process, context_.elfs, context_.unwind);
      if (auto space = program_->put_space(pid, *watched.space); !space) return space;
    }
    if (!walk->layout.empty()) {
      const auto index = program_->put_interpreter(pid, watched.target.runtime->kernel_walk, walk->layout);
      if (!index) return tl::unexpected(index.error());
      target.walk = *index;
    }
    if (!context_.options.multi_threads) target.flags |= SAMPAN_TARGET_MAIN_ONLY;
    target.stack_bytes = SAMPAN_MOST_STACK;
    if (watched.target.walker->wants_stack()) target.flags |= SAMPAN_TARGET_STACK;
    return program_->put_target(pid, target);
  }

  // What the kernel took no sample of has hardly changed; that it has ended, discovery tells too. False where it was gone.
  bool refresh(Watched& watched, Clock::time_point now) {
    const bool seen = std::exchange(watched.seen, false);
    if (seen) watched.rest = kRefreshEvery;
    if (now - watched.remapped < watched.rest) return watched.alive;
    if (!seen) watched.rest = std::min<Clock::duration>(2 * watched.rest, kLongestRest);
    return watched.alive = remap(watched, now);
  }

  // False where the process is gone: its id may be another's, whose mappings are none of ours.
  bool remap(Watched& watched, Clock::time_point now) {
    watched.remapped = now;
    watched.unmapped = false;
    if (identify(watched.target.process->id.pid) != watched.target.process->id) return false;
    watched.target.walker->refresh();
    if (!watched.space || !watched.space->refresh()) return true;
    if (const auto done = put(watched); !done) log_warning("{}", done.error().message);
    return true;
  }

  void drain() {
    program_->drain([this](const sampan_record& record, Bytes rest) { take(record, rest); });
    quality_.lost = program_->lost() + dropped_;
    quality_.wanted = quality_.taken + quality_.failed + quality_.idle + quality_.lost;
    if (!unmapped_) return;
    unmapped_ = false;
    const auto now = Clock::now();
    for (auto& [pid, watched] : watched_) {
      if (watched->unmapped && now - watched->remapped >= kRemapAfter) remap(*watched, now);
      unmapped_ |= watched->unmapped;
    }
  }

  void take(const sampan_record& record, Bytes rest) {
    if (record.kind == SAMPAN_RECORD_FORK) return take_fork(static_cast<pid_t>(record.tid), record.time);
    const auto found = watched_.find(static_cast<pid_t>(record.tgid));
    if (found == watched_.end() || forks_.contains(found->first)) return forks_.keep(record, rest);
    Watched& watched = *found->second;
    watched.seen = true;
    switch (record.kind) {
      case SAMPAN_RECORD_SAMPLE: take_sample(watched, record, rest); return;
      case SAMPAN_RECORD_OFF: take_wait(watched, record, rest); return;
      case SAMPAN_RECORD_ON: end_wait(watched, static_cast<pid_t>(record.tid), record.time); return;
      default: return;
    }
  }

  // A new process; one of its number that is watched has ended, unless it is this very one.
  void take_fork(pid_t pid, std::uint64_t time) {
    const auto found = watched_.find(pid);
    if (found != watched_.end() && is_fork_of(found->second->target.process->id, time)) return;
    forks_.add(pid, time);
  }

  // A forked process has been added: what was sampled of it until now is its.
  void take_kept(Identity id) {
    const ForkedProcess forked = forks_.take(id.pid);
    if (!is_fork_of(id, forked.time)) return;
    dropped_ += forked.dropped;
    for (const KeptRecord& kept : forked.records) take(kept.record, kept.rest);
  }

  // Once a process is gone, rows of what only it mapped are freed.
  void trim() {
    if (!let_go_) return;
    let_go_ = program_->trim();   // there may be more
  }

  void take_sample(Watched& watched, const sampan_record& record, Bytes rest) {
    if (!due(watched.target) || !walk(watched, record, rest)) return;
    // Of time, a sample stands for the period before it.
    const std::uint64_t weight = times_ ? period_ns_ : 1, from = times_ ? record.time - std::min<std::uint64_t>(record.time, period_ns_) : record.time;
    add_sample(context_, watched.target, thread_of(watched.target, static_cast<pid_t>(record.tid)), stack_, from, weight);
    ++quality_.taken;
  }

  void take_wait(Watched& watched, const sampan_record& record, Bytes rest) {
    const auto tid = static_cast<pid_t>(record.tid);
    if (!due(watched.target) || !walk(watched, record, rest)) return;
    watched.waits[tid] = {context_.profile.add_at(Profile::kRoot, stack_, 0), record.time, record.weight};
    ++quality_.taken;
  }

  // Threads that wait already have waited since now, as far as this profile goes; where, /proc tells.
  void note_sleepers(Watched& watched) {
    StackCapture capture;
    capture.buffer.resize(SAMPAN_MOST_STACK);
    Target& target = watched.target;
    for (auto& [tid, thread] : target.threads.all()) {
      if (!context_.options.multi_threads && tid != target.process->id.pid) continue;
      const std::uint64_t now = now_ns();
      if (!capture_sleeping(target.process->id.pid, tid, *target.process->memory, capture)) continue;
      ThreadSnapshot snapshot;
      snapshot.tid = tid;
      snapshot.inner_tid = thread.inner_tid();
      snapshot.registers = &capture.registers;
      snapshot.fp_known = false;
      snapshot.stack = Bytes(capture.buffer).first(capture.size);
      const Walked walked = walk_stack(context_, target, thread, snapshot, stack_);
      if (walked == Walked::NoFrames || walked == Walked::Failed) continue;
      watched.waits[tid] = {context_.profile.add_at(Profile::kRoot, stack_, 0), now, 1};
      ++quality_.taken;
      if (walked == Walked::Truncated) ++quality_.truncated;
    }
  }

  void end_wait(Watched& watched, pid_t tid, std::uint64_t now) {
    const auto found = watched.waits.find(tid);
    if (found == watched.waits.end()) return;
    const Wait wait = found->second;
    watched.waits.erase(found);
    if (now < wait.since + kShortestWaitNs) return;
    add_again(context_, watched.target, thread_of(watched.target, tid), wait.node, wait.since, (now - wait.since) * wait.weight);
  }

  // Those that still wait have done so until now; how long a sampled one stands for is not known, so it counts once.
  void end_waits(Watched& watched) {
    const std::uint64_t now = now_ns();
    while (!watched.waits.empty()) {
      watched.waits.begin()->second.weight = 1;
      end_wait(watched, watched.waits.begin()->first, now);
    }
  }

  // Fills stack_; false where the record holds no stack.
  bool walk(Watched& watched, const sampan_record& record, Bytes rest) {
    ThreadSnapshot snapshot;
    if (!reader_.read(record, rest, snapshot)) {
      ++quality_.failed;
      return false;
    }
    snapshot.deferred = true;
    snapshot.taken_at = record.time;
    if (record.flags & SAMPAN_UNMAPPED) watched.unmapped = unmapped_ = true;
    Target& target = watched.target;
    Thread& thread = thread_of(target, snapshot.tid);
    const Walked walked = walk_stack(context_, target, thread, snapshot, stack_);
    return count_walk(context_, target, thread, walked, record.kind == SAMPAN_RECORD_SAMPLE, quality_, stack_);
  }

  Thread& thread_of(Target& target, pid_t tid) {
    auto& threads = target.threads.all();
    auto found = threads.find(tid);
    if (found == threads.end()) found = threads.try_emplace(tid, Thread(target.process->id.pid, tid)).first;
    return found->second;
  }

  Context& context_;
  std::unique_ptr<EbpfProgram> program_;
  std::map<pid_t, std::unique_ptr<Watched>> watched_;
  ForkedProcesses forks_;
  std::vector<FrameId> stack_;
  RecordReader reader_;
  Quality quality_;
  Clock::time_point refreshed_ = Clock::now();
  std::uint64_t period_ns_;
  std::uint64_t dropped_ = 0;         // of kept records that were wanted
  bool let_go_ = false;               // a process, since rows were last freed
  bool unmapped_ = false;             // any process's samples, see Watched
  bool times_;          // weights are nanoseconds
  bool alive_ = true;
};

}  // namespace

Result<std::unique_ptr<Sampler>> open_ebpf_tier(Context& context) {
  auto program = EbpfProgram::open(context.options.event);
  if (!program) return tl::unexpected(program.error());
  const Event event = context.options.event;
  auto started = (*program)->start(context.options.rate, event != Event::OffCpu, event == Event::Wall || event == Event::OffCpu);
  if (!started) return tl::unexpected(started.error());
  if (event == Event::Wall || event == Event::OffCpu) context.profile.description.unit = "nanoseconds";
  return std::make_unique<EbpfTier>(context, std::move(*program));
}

}  // namespace sampan

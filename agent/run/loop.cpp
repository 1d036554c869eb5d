#include "agent/run/loop.hpp"

#include <algorithm>
#include <memory>
#include <new>
#include <optional>

#include "agent/contract/clock.hpp"
#include "agent/run/budget.hpp"
#include "agent/run/chronicle.hpp"
#include "agent/run/intake.hpp"
#include "agent/run/sampler_set.hpp"
#include "agent/run/signals.hpp"
#include "agent/run/ticker.hpp"
#include "agent/run/watchdog.hpp"
#include "samplers/base/clock.hpp"
#include "samplers/base/log.hpp"

namespace sampan {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kAllGone = 2 * kSecond;       // a reload may leave no worker for a moment
constexpr std::uint64_t kWeighEvery = kSecond / 10;
constexpr std::uint64_t kSettleFor = kSecond / 10;    // between two looks at signals
constexpr std::uint64_t kVitalsEvery = kSecond / 4;
constexpr std::uint64_t kRestAfterVitals = 500;                // times what they took of a processor: a fifth of a percent of a core
constexpr std::uint64_t kVitalsEachProcess = kSecond / 1000;   // the recorder waits for none longer
constexpr double kCollectRate = 25;                   // ticks a second where the kernel samples

class Loop {
 public:
  Loop(const SamplingOptions& options, Discovery& discovery, SamplerSet& samplers, Profile& profile, const RunObserver& observer, Recorder* recorder)
      : options_(options), samplers_(samplers), observer_(observer), intake_(options, discovery, samplers), recorder_(recorder), chronicle_(profile, recorder != nullptr), rate_(options.rate) {}

  Result<void> take_first() { return intake_.take_first(); }
  void run();
  void give_up(Ended ended);
  Sampled report() const;
  // The recorder's memory has grown too large, by names and caches that outlive what it keeps: it is to begin anew.
  bool begins_anew() const { return recorder_ && ended_ == Ended::Memory && !recorder_->fired().any(); }

 private:
  void look_at_targets(std::uint64_t now);
  void take_vitals(std::uint64_t now);
  void rest_until(std::uint64_t time);
  bool unhurried(std::uint64_t now);
  void govern(std::uint64_t now, Ticker& ticker);
  void pace(std::uint64_t now, Ticker& ticker);
  bool over(std::uint64_t now);
  bool recorded(std::uint64_t now);
  bool too_large(std::uint64_t now);
  void tick(std::uint64_t now);
  bool observed(std::uint64_t now);
  double achieved_rate(std::uint64_t now) const;

  const SamplingOptions& options_;
  SamplerSet& samplers_;
  const RunObserver& observer_;
  Intake intake_;
  Recorder* recorder_;
  VitalSigns signs_;
  Chronicle chronicle_;
  std::uint64_t next_vitals_ = 0, hurried_since_ = UINT64_MAX;
  double kept_seconds_ = 0;             // by the recorder
  double rate_;
  std::uint64_t start_ = 0, end_ = 0, gone_since_ = 0, next_govern_ = 0, stopped_ = 0, ticks_ = 0, late_ = 0;
  double lowered_ = 0, pace_ = 0;
  double due_ = 0;                      // samples a thread was due at the kernel's rate until `rate_since_`
  std::uint64_t rate_since_ = 0;
  Governor governor_{options_.max_cpu_percent};
  MemoryBudget budget_ = memory_budget(options_.max_memory_mb);
  std::uint64_t weighed_ = 0, kernel_bytes_ = 0;   // these at their highest
  bool out_of_memory_ = false;
  Ended ended_ = Ended::Time;
};

void Loop::govern(std::uint64_t now, Ticker& ticker) {
  if (now < next_govern_) return;
  next_govern_ = now + kSecond / 4;
  const std::uint64_t used = now_ns(CLOCK_PROCESS_CPUTIME_ID) + samplers_.kernel_cost().run_ns;
  const double slower = governor_.govern(now, used, rate_);
  if (slower >= rate_) return;
  log_warning("the agent used more than {} % of a core, or its looks took longer than they are apart: the rate is lowered from {:.0f} to {:.0f} Hz",
              options_.max_cpu_percent, rate_, slower);
  chronicle_.mark(now, fmt::format("the agent lowers its rate from {:.0f} to {:.0f} Hz", rate_, slower));
  due_ += rate_ * static_cast<double>(now - rate_since_) / 1e9;
  rate_since_ = now;
  rate_ = lowered_ = slower;
  samplers_.set_rate(slower);
  pace(now, ticker);
}

// A process that came may need ticks where the kernel did all before.
void Loop::pace(std::uint64_t now, Ticker& ticker) {
  const double pace = samplers_.ticks_sample() ? rate_ : kCollectRate;
  if (pace != pace_) ticker.set_rate(now, pace);
  pace_ = pace;
}

// What is left of the budget when this says so is for drawing.
bool Loop::too_large(std::uint64_t now) {
  if (out_of_memory_) return true;
  if (now - weighed_ < kWeighEvery) return false;
  weighed_ = now;
  const std::uint64_t kernel = samplers_.kernel_cost().bytes;
  kernel_bytes_ = std::max(kernel_bytes_, kernel);
  return budget_.near(resident_bytes(), kernel);
}

bool Loop::over(std::uint64_t now) {
  if (samplers_.size() > 0) gone_since_ = 0;
  else if (gone_since_ == 0) gone_since_ = now;
  if (signals_seen() > 0) ended_ = Ended::Signal;
  else if (too_large(now)) ended_ = Ended::Memory;
  else if (gone_since_ != 0 && (!intake_.may_return() || now - gone_since_ >= std::max(kAllGone, options_.wait_seconds * kSecond))) ended_ = Ended::TargetsGone;
  else return recorder_ ? recorded(now) : now >= end_;
  return true;
}

bool Loop::recorded(std::uint64_t now) {
  try {
    return recorder_->over(now, samplers_);
  } catch (const std::bad_alloc&) {
    out_of_memory_ = true;
  }
  return false;
}

void Loop::tick(std::uint64_t now) {
  try {
    const bool measures = governor_.measures();
    const std::uint64_t begun = monotonic_ns(), used = measures ? now_ns(CLOCK_THREAD_CPUTIME_ID) : 0;
    // Where no process is left alive, the next look tells, at once.
    if (!samplers_.tick() && samplers_.size() > 0) intake_.hurry(now);
    const std::uint64_t took = monotonic_ns() - begun;
    if (samplers_.ticks_sample() && measures) governor_.looked(took, now_ns(CLOCK_THREAD_CPUTIME_ID) - used);
    else if (samplers_.ticks_sample()) governor_.looked(took);
  } catch (const std::bad_alloc&) {
    out_of_memory_ = true;
  }
  ++ticks_;
}

// A thread whose stop is late is let go as soon as it comes to it, whenever the next tick is.
void Loop::rest_until(std::uint64_t time) {
  for (std::uint64_t now = monotonic_ns(); now < time && signals_seen() == 0; now = monotonic_ns()) {
    if (samplers_.settle(std::min(time, now + kSettleFor))) return sleep_until(time);
  }
}

// New targets' files take long to read: a thread that comes to its stop meanwhile would stand as long.
bool Loop::unhurried(std::uint64_t now) {
  if (samplers_.settle(now)) hurried_since_ = UINT64_MAX;
  else hurried_since_ = std::min(hurried_since_, now);
  return hurried_since_ == UINT64_MAX || now - hurried_since_ >= kSettleFor;
}

// Where the kernel samples, ticks only collect: what counts is the kernel's rate, less what was lost.
double Loop::achieved_rate(std::uint64_t now) const {
  const double seconds = std::max(static_cast<double>(now - start_) / 1e9, 1e-3);
  if (samplers_.ticks_sample()) return static_cast<double>(ticks_) / seconds;
  const Quality quality = samplers_.quality();
  const double seen = quality.wanted == 0 ? 1 : 1 - static_cast<double>(quality.lost) / static_cast<double>(quality.wanted);
  return seen * (due_ + rate_ * static_cast<double>(now - rate_since_) / 1e9) / seconds;
}

// How they fare, for the strip, the result and the recorder.
void Loop::look_at_targets(std::uint64_t now) {
  if (now < next_vitals_) return;
  next_vitals_ = UINT64_MAX;   // where memory does not suffice for it, never again
  try {
    take_vitals(now);
  } catch (const std::bad_alloc&) {
    out_of_memory_ = true;
  }
}

void Loop::take_vitals(std::uint64_t now) {
  const std::uint64_t used = now_ns(CLOCK_THREAD_CPUTIME_ID);
  const std::vector<pid_t> pids = samplers_.pids();
  const Vitals vitals = signs_.look(now, pids);
  chronicle_.take(vitals);
  chronicle_.note_processes(now, samplers_.reports(), pids);
  const std::uint64_t rest = kRestAfterVitals * (now_ns(CLOCK_THREAD_CPUTIME_ID) - used);
  next_vitals_ = now + (recorder_ ? std::max(recorder_->look_every(), std::min(rest, pids.size() * kVitalsEachProcess)) : std::max(kVitalsEvery, rest));
  if (recorder_ && recorder_->look(vitals)) chronicle_.mark(now, recorder_->fired().why);
}

bool Loop::observed(std::uint64_t now) {
  const double elapsed = static_cast<double>(now - start_) / 1e9;
  return observer_.tick({elapsed, achieved_rate(now), samplers_.quality(), samplers_.size(), samplers_.reports(), [this] { samplers_.resolve(); }});
}

void Loop::run() {
  start_ = rate_since_ = monotonic_ns();
  samplers_.begin_time();
  end_ = recorder_ ? UINT64_MAX : start_ + options_.seconds * kSecond;
  look_at_targets(start_);
  pace_ = samplers_.ticks_sample() ? rate_ : kCollectRate;
  Ticker ticker(start_, pace_, static_cast<unsigned>(start_));
  intake_.look(start_);
  for (std::uint64_t now = start_; !over(now); now = monotonic_ns()) {
    note_progress();
    rest_until(std::min(ticker.next(now), end_));
    now = monotonic_ns();
    if (now >= end_ || signals_seen() > 0) continue;
    tick(now);
    govern(now, ticker);
    if (unhurried(now)) intake_.look(now);
    pace(now, ticker);
    look_at_targets(now);
    if (!observed(now)) end_ = now;
  }
  samplers_.settle(monotonic_ns() + kSecond);   // who still comes to its stop would stand while names are looked up
  next_vitals_ = 0;
  look_at_targets(monotonic_ns());
  stopped_ = monotonic_ns();
  late_ = ticker.late();
  try {
    if (recorder_) {
      recorder_->cut(samplers_);
      kept_seconds_ = static_cast<double>(wall_ns() - std::min(wall_ns(), samplers_.begins_ns())) / 1e9;
    }
    samplers_.finish();
  } catch (const std::bad_alloc&) {
    ended_ = Ended::Memory;   // what has no name yet stays without one
  }
}

// The process that sampled was ended in the midst of it.
void Loop::give_up(Ended ended) {
  ended_ = ended;
  stopped_ = monotonic_ns();
  if (start_ == 0) start_ = rate_since_ = stopped_;
}

Sampled Loop::report() const {
  Sampled sampled;
  sampled.quality = samplers_.quality();
  sampled.quality.late += late_;
  sampled.processes = samplers_.reports();
  sampled.tier = samplers_.tiers();
  sampled.tier_sentence = samplers_.sentence();
  sampled.ended = ended_;
  sampled.ticks = ticks_;
  sampled.seconds = static_cast<double>(stopped_ - start_) / 1e9;
  sampled.rate = options_.rate;
  sampled.achieved_rate = achieved_rate(stopped_);
  sampled.lowered_rate = static_cast<unsigned>(lowered_);
  sampled.kernel = samplers_.kernel_cost();
  sampled.kernel.bytes = std::max(sampled.kernel.bytes, kernel_bytes_);
  sampled.cgroup = chronicle_.use();
  sampled.recorder = recorder_ != nullptr;
  if (recorder_) {
    sampled.fired = recorder_->fired();
    sampled.cpu.targets = chronicle_.cpu_seconds();
    sampled.seconds = std::min(sampled.seconds, kept_seconds_);
  }
  sampled.skipped_processes = static_cast<unsigned>(intake_.skipped());
  return sampled;
}

// All of it lives here, so that what a process sampled is still there when that had to be ended.
struct Run {
  std::unique_ptr<SamplerSet> samplers;
  std::optional<Loop> loop;
  Result<void> begun;

  // False where it is to be done again.
  bool once(const SamplingOptions& options, Discovery& discovery, Profile& profile, const RunObserver& observer, Recorder* recorder) {
    auto opened = SamplerSet::open(options, profile);
    if (!opened) return begun = tl::unexpected(opened.error()), true;
    samplers = std::move(*opened);
    loop.emplace(options, discovery, *samplers, profile, observer, recorder);
    begun = loop->take_first();
    if (!begun) return true;
    observer.begin(samplers->size(), samplers->sentence());
    loop->run();
    return !loop->begins_anew();
  }

  void sample(const SamplingOptions& options, Discovery& discovery, Profile& profile, const RunObserver& observer, Recorder* recorder) {
    while (!once(options, discovery, profile, observer, recorder)) {
      log_warning("half of the agent's memory budget is used (max_memory_mb): what was recorded so far is forgotten");
      loop.reset();
      samplers.reset();
      recorder->begin();
      profile = Profile();
      profile.moments.want();
      return_freed_memory();
    }
  }

  // What was sampled before a read got stuck gets its names, as far as they are to be had.
  void rescue() {
    samplers->abandon();
    loop->give_up(Ended::Stuck);
    run_watched([this] { samplers->finish(); });
  }
};

}  // namespace

Result<Sampled> sample(const SamplingOptions& options, Discovery& discovery, Profile& profile, const RunObserver& observer, Recorder* recorder) {
  Run run;
  if (recorder) recorder->begin();
  const Watched watched = run_watched([&] { run.sample(options, discovery, profile, observer, recorder); });
  if (watched == Watched::Crashed) return fail(Exit::Internal, "internal error: the process that samples has crashed");
  if (watched == Watched::Stuck && (!run.loop || profile.total() == 0)) return fail(Exit::CannotSample, "{}", ended_sentence(Ended::Stuck));
  if (watched == Watched::Stuck) run.rescue();
  if (!run.begun) return tl::unexpected(run.begun.error());
  Sampled sampled = run.loop->report();
  add_kernel_cost(sampled.kernel);
  if (sampled.quality.wanted == 0 && sampled.quality.taken == 0 && sampled.ended == Ended::TargetsGone) {
    return fail(Exit::TargetEnded, "the target ended before a sample was taken");
  }
  return sampled;
}

}  // namespace sampan

#include "agent/run/loop.hpp"

#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <map>
#include <new>
#include <set>

#include "agent/contract/clock.hpp"
#include "agent/guard/redact.hpp"
#include "agent/run/budget.hpp"
#include "agent/run/sampler_set.hpp"
#include "agent/run/signals.hpp"
#include "agent/run/ticker.hpp"
#include "agent/run/watchdog.hpp"
#include "samplers/base/clock.hpp"
#include "samplers/base/log.hpp"

namespace sampan {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kLookEvery = kSecond / 2;
constexpr std::uint64_t kFirstLook = kSecond;
constexpr std::uint64_t kAllGone = 2 * kSecond;       // a reload may leave no worker for a moment
constexpr std::uint64_t kYoung = 2 * kSecond;         // an interpreter has mapped its library by then
constexpr unsigned kMostTries = 5;                    // 1, 3, 7, 15 and 31 s after it was seen first
constexpr std::size_t kMostLooks = 16;                // of those that are due, at a time: each reads a process's maps
// Taking a process in costs milliseconds: a crowd is taken in bit by bit, so that those taken are sampled meanwhile.
constexpr std::uint64_t kTakeAtFirst = 2 * kSecond, kTakeAtFirstOfNone = 10 * kSecond, kTakeLater = kSecond / 4;
constexpr std::size_t kMostSkippedTold = 16, kMostSkipped = 65'536;
constexpr std::uint64_t kWeighEvery = kSecond / 10;
// So much of a target's processor time without a sample is no chance: samples that were due, and seconds.
constexpr double kCertain = 30, kCertainSeconds = 0.3;
constexpr double kCollectRate = 25;                   // ticks a second where the kernel samples

std::uint64_t own_cpu_ns() { return now_ns(CLOCK_PROCESS_CPUTIME_ID); }

// How long a process has been there.
std::uint64_t age_ns(Identity id) {
  const double age = static_cast<double>(now_ns(CLOCK_BOOTTIME)) / 1e9 - static_cast<double>(id.start_time) / static_cast<double>(sysconf(_SC_CLK_TCK));
  return age <= 0 ? 0 : static_cast<std::uint64_t>(age * 1e9);
}

class Loop {
 public:
  Loop(const SamplingOptions& options, Discovery& discovery, SamplerSet& samplers, const RunObserver& watch)
      : options_(options), discovery_(discovery), samplers_(samplers), watch_(watch), rate_(options.rate) {}

  Result<void> take_first();
  void run();
  Sampled report() const;
  Sampled report_stuck();
  // Seconds of processor time that the processes of the start have had since, as far as they are still there.
  double ran() const;

 private:
  void look(std::uint64_t now);
  void take_new(const std::vector<Found>& found);
  void skip(const Found& found);
  bool took_long(std::uint64_t since) const;
  void look_again(std::uint64_t now);
  bool may_join(const Found& found) const;
  void govern(std::uint64_t now, Ticker& ticker);
  void pace(std::uint64_t now, Ticker& ticker);
  bool over(std::uint64_t now);
  bool too_large(std::uint64_t now);
  std::map<Identity, std::uint64_t> processor_time() const;
  void tick(std::uint64_t now);

  const SamplingOptions& options_;
  Discovery& discovery_;
  SamplerSet& samplers_;
  const RunObserver& watch_;
  double rate_;
  struct Again {
    Found found;
    std::uint64_t at;                   // monotonic nanoseconds
    unsigned tries;
  };
  std::vector<Found> known_;            // taken, or tried in vain
  std::vector<Again> again_;            // of those, what is to be looked at once more
  std::set<Identity> first_;            // those of the first look
  std::set<Identity> skipped_;
  std::map<Identity, std::uint64_t> ran_before_;   // clock ticks
  std::uint64_t start_ = 0, end_ = 0, gone_since_ = 0, next_look_ = 0, next_govern_ = 0, stopped_ = 0, ticks_ = 0, late_ = 0;
  double lowered_ = 0, pace_ = 0;
  Governor governor_{options_.max_cpu_percent};
  MemoryBudget budget_ = memory_budget(options_.max_memory_mb);
  std::uint64_t weighed_ = 0;
  bool out_of_memory_ = false;
  Ended ended_ = Ended::Time;
};

Result<void> Loop::take_first() {
  // A worker bears its name only a moment after its fork.
  auto found = discovery_.look();
  for (const std::uint64_t end = monotonic_ns() + kFirstLook; found.empty() && monotonic_ns() < end && signals_seen() == 0;) {
    sleep_until(monotonic_ns() + kSecond / 10);
    found = discovery_.look();
  }
  if (found.empty()) return fail(Exit::NoTarget, "{}", discovery_.why_none());
  for (const Found& one : found) first_.insert(one.id);
  take_new(found);
  // An interpreter that has just been started is not up yet.
  const auto young = [&] { return std::any_of(known_.begin(), known_.end(), [](const Found& one) { return age_ns(one.id) < kYoung; }); };
  while (samplers_.size() == 0 && young() && signals_seen() == 0) {
    sleep_until(monotonic_ns() + kSecond / 4);
    known_.clear();
    again_.clear();
    take_new(discovery_.look());
  }
  if (samplers_.size() > 0) return {};
  // None could be taken: what would hold for all of them is said first.
  const auto& reports = samplers_.reports();
  const auto worst = std::min_element(reports.begin(), reports.end(), [](const auto& a, const auto& b) {
    return static_cast<int>(a.failure.code) < static_cast<int>(b.failure.code);
  });
  return fail(worst->failure.code, "process {} `{}`: {}{}", worst->id.pid, worst->name, worst->failure.message,
              reports.size() > 1 ? fmt::format(" (and {} more processes)", reports.size() - 1) : "");
}

// What could not be taken may be takable soon, and what is sampled as any program can be may not show its runtime yet:
// it has just begun, or was replaced by exec, which keeps the start time, or maps a VM late.
void Loop::look_again(std::uint64_t now) {
  std::vector<Again> due;
  std::erase_if(again_, [&](Again& again) {
    if (again.at > now || due.size() >= kMostLooks) return false;
    due.push_back(again);
    return true;
  });
  const std::uint64_t begun = monotonic_ns();
  for (Again& again : due) {
    if (std::find(known_.begin(), known_.end(), again.found) == known_.end()) continue;
    if (took_long(begun)) {
      again_.push_back(std::move(again));
      continue;
    }
    const bool taken = samplers_.has(again.found.id);
    const bool runtime_changed = taken && samplers_.runtime_changed(again.found);
    if (runtime_changed) samplers_.release(again.found);
    const bool settled = (taken && !runtime_changed) || samplers_.take(again.found) ? !samplers_.native_only(again.found) : false;
    if (!settled && again.tries < kMostTries) again_.push_back({again.found, now + (kSecond << again.tries), again.tries + 1});
  }
}

void Loop::skip(const Found& found) {
  if (skipped_.size() >= kMostSkipped || !skipped_.insert(found.id).second || skipped_.size() > kMostSkippedTold) return;
  log_warning("process {} `{}` is skipped: max_processes is {}{}", found.id.pid, redact_command_line(found.command_line), options_.max_processes,
              skipped_.size() == kMostSkippedTold ? "; of more that are, the result has the number" : "");
}

bool Loop::took_long(std::uint64_t since) const {
  const std::uint64_t most = start_ != 0 ? kTakeLater : samplers_.size() > 0 ? kTakeAtFirst : kTakeAtFirstOfNone;
  return monotonic_ns() - since > most;
}

void Loop::take_new(const std::vector<Found>& found) {
  const std::uint64_t begun = monotonic_ns();
  for (const Found& one : found) {
    if (std::find(known_.begin(), known_.end(), one) != known_.end()) continue;
    if (samplers_.size() >= options_.max_processes) {
      skip(one);
      continue;
    }
    if (took_long(begun)) return;   // the next look takes the rest
    if (!samplers_.take(one) || samplers_.native_only(one)) again_.push_back({one, monotonic_ns() + kSecond, 1});
    known_.push_back(one);
  }
}

// A pid that was asked for is the process that bore it at first, never a later one.
bool Loop::may_join(const Found& found) const {
  return first_.contains(found.id) || (options_.children && discovery_.may_grow());
}

void Loop::look(std::uint64_t now) {
  if (now < next_look_) return;
  auto found = discovery_.look();
  std::erase_if(found, [&](const Found& one) { return !may_join(one); });
  std::erase_if(known_, [&](const Found& one) {
    if (std::find(found.begin(), found.end(), one) != found.end()) return false;
    samplers_.release(one);
    return true;
  });
  take_new(found);
  look_again(now);
  next_look_ = monotonic_ns() + kLookEvery;
}

void Loop::govern(std::uint64_t now, Ticker& ticker) {
  if (now < next_govern_) return;
  next_govern_ = now + kSecond / 4;
  const double slower = governor_.govern(now, own_cpu_ns(), rate_);
  if (slower >= rate_) return;
  log_warning("the agent used more than {} % of a core: the rate is lowered from {:.0f} to {:.0f} Hz", options_.max_cpu_percent, rate_, slower);
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
  return budget_.near(resident_bytes());
}

bool Loop::over(std::uint64_t now) {
  if (samplers_.size() > 0) gone_since_ = 0;
  else if (gone_since_ == 0) gone_since_ = now;
  const bool may_return = options_.children && discovery_.may_grow();
  if (signals_seen() > 0) ended_ = Ended::Signal;
  else if (too_large(now)) ended_ = Ended::Memory;
  else if (gone_since_ != 0 && (!may_return || now - gone_since_ >= kAllGone)) ended_ = Ended::TargetsGone;
  else return now >= end_;
  return true;
}

void Loop::tick(std::uint64_t now) {
  try {
    // Where no process is left alive, the next look tells, at once.
    if (!samplers_.tick() && samplers_.size() > 0) next_look_ = std::min(next_look_, now + kLookEvery / 5);
  } catch (const std::bad_alloc&) {
    out_of_memory_ = true;
  }
}

std::map<Identity, std::uint64_t> Loop::processor_time() const {
  std::map<Identity, std::uint64_t> ticks;
  for (const Found& one : known_) {
    const auto stat = samplers_.has(one.id) ? read_stat(one.id.pid) : std::nullopt;
    if (stat && stat->start_time == one.id.start_time) ticks[one.id] = stat->cpu_ticks;
  }
  return ticks;
}

double Loop::ran() const {
  std::uint64_t sum = 0;
  for (const auto& [id, ticks] : processor_time()) {
    const auto before = ran_before_.find(id);
    if (before != ran_before_.end()) sum += ticks - std::min(ticks, before->second);
  }
  return static_cast<double>(sum) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

void Loop::run() {
  ran_before_ = processor_time();
  start_ = monotonic_ns();
  samplers_.begin_time();
  end_ = start_ + options_.seconds * kSecond;
  next_look_ = start_ + kLookEvery;
  pace_ = samplers_.ticks_sample() ? rate_ : kCollectRate;
  Ticker ticker(start_, pace_, static_cast<unsigned>(start_));
  for (std::uint64_t now = start_; !over(now); now = monotonic_ns()) {
    sleep_until(std::min(ticker.next(now), end_));
    now = monotonic_ns();
    if (now >= end_ || signals_seen() > 0) continue;
    tick(now);
    ++ticks_;
    govern(now, ticker);
    look(now);
    pace(now, ticker);
    const double elapsed = static_cast<double>(now - start_) / 1e9;
    if (!watch_.tick({elapsed, static_cast<double>(ticks_) / std::max(elapsed, 1e-3), samplers_.quality(), samplers_.size(), [this] { samplers_.resolve(); }})) end_ = now;
  }
  stopped_ = monotonic_ns();
  late_ = ticker.late();
  try {
    samplers_.finish();
  } catch (const std::bad_alloc&) {
    ended_ = Ended::Memory;   // what has no name yet stays without one
  }
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
  const bool kernel_samples = !samplers_.ticks_sample();
  sampled.achieved_rate = kernel_samples ? rate_ : static_cast<double>(ticks_) / std::max(sampled.seconds, 1e-3);
  sampled.lowered_rate = static_cast<unsigned>(lowered_);
  sampled.skipped_processes = static_cast<unsigned>(skipped_.size());
  return sampled;
}

// By another thread, while the one that samples is parked in a read.
Sampled Loop::report_stuck() {
  ended_ = Ended::Stuck;
  stopped_ = monotonic_ns();
  if (start_ == 0) start_ = stopped_;
  return report();
}

}  // namespace

Result<Sampled> sample(const SamplingOptions& options, Discovery& discovery, Profile& profile, const RunObserver& watch) {
  auto samplers = SamplerSet::open(options, profile);
  if (!samplers) return tl::unexpected(samplers.error());
  Loop loop(options, discovery, **samplers, watch);
  const Watchdog dog([&] {
    if (watch.stuck) watch.stuck(loop.report_stuck());
    ::_exit(static_cast<int>(Exit::Internal));
  });
  if (auto taken = loop.take_first(); !taken) return tl::unexpected(taken.error());
  watch.begin((*samplers)->size(), (*samplers)->sentence());
  loop.run();
  Sampled sampled = loop.report();
  if (sampled.quality.wanted == 0 && sampled.quality.taken == 0 && sampled.ended == Ended::TargetsGone) {
    return fail(Exit::TargetEnded, "the target ended before a sample was taken");
  }
  // Idle targets have no samples; busy ones without any are a fault, of this tier here or of what was asked for.
  const bool any_thread = options.multi_threads && options.event == Event::Cpu;
  if (const double ran = any_thread && sampled.quality.taken == 0 ? loop.ran() : 0; ran * options.rate >= kCertain && ran >= kCertainSeconds) {
    return fail(Exit::CannotSample, "the target ran for {:.1f} s on a processor, but not one sample came by {}{}", ran, sampled.tier_sentence,
                options.tier && *options.tier == Tier::Memory ? "" : ": another `tier` may see it");
  }
  return sampled;
}

}  // namespace sampan

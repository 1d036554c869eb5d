#include "agent/run/intake.hpp"

#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <utility>

#include "agent/contract/clock.hpp"
#include "agent/guard/redact.hpp"
#include "agent/run/signals.hpp"
#include "samplers/base/clock.hpp"
#include "samplers/base/log.hpp"
#include "samplers/process/records.hpp"

namespace sampan {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kLookEvery = kSecond / 2, kLookAtLeastEvery = 5 * kSecond;
constexpr std::uint64_t kRestAfterLook = 200;         // times what a look took of a processor: half a percent of a core
constexpr std::uint64_t kFirstLook = kSecond;
constexpr std::uint64_t kFirstLookEvery = kSecond / 10, kSoonest = kSecond / 200;   // where nothing was forked since, and where it was
constexpr std::uint64_t kYoung = 5 * kSecond;         // an interpreter is up by then, though its start be slow
constexpr std::uint64_t kFirstTry = kSecond / 16;
constexpr unsigned kMostTries = 10;                   // 1/16, 3/16, 7/16 … 64 s after it was seen first
constexpr std::size_t kMostLooks = 16;                // of those that are due, at a time: each reads a process's maps
// Taking a process in costs milliseconds: a crowd is taken in bit by bit, so that those taken are sampled meanwhile.
constexpr std::uint64_t kTakeAtFirst = 2 * kSecond, kTakeAtFirstOfNone = 10 * kSecond, kTakeLater = kSecond / 4;
constexpr std::size_t kMostSkippedTold = 16, kMostSkipped = 65'536;

// The number that a process made last got, in the agent's numbering: as long as it is the same, none came.
std::string newest_process() {
  const std::string text = read_record("/proc/loadavg", 128).value_or("");
  return text.substr(std::min(text.rfind(' '), text.size()));
}

}  // namespace

Result<void> Intake::take_first() {
  // A worker bears its name only a moment after its fork.
  const std::vector<Found> found = wait_for_target();
  if (found.empty()) return tl::unexpected(discovery_.nobody());
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
  return tl::unexpected(nobody_taken());
}

// Looks soon again where a process has just been made, whose name exec changes a moment later; a look takes at most a fifth
// of a core.
std::vector<Found> Intake::wait_for_target() {
  const std::uint64_t begun = monotonic_ns(), end = begun + std::max(options_.wait_seconds * kSecond, kFirstLook);
  if (options_.wait_seconds > 0) log_info("waiting up to {} s for a target", options_.wait_seconds);
  std::string newest;
  std::uint64_t changed = 0;
  while (true) {
    const std::uint64_t now = monotonic_ns();
    auto found = discovery_.look();
    if (!found.empty() || now >= end || signals_seen() > 0) return found;
    const std::uint64_t pause = std::max(kSoonest, 4 * (monotonic_ns() - now)), next = now + kFirstLookEvery;
    for (bool due = false; !due && signals_seen() == 0;) {
      sleep_until(monotonic_ns() + pause);
      if (std::string one = newest_process(); one != newest) newest = std::move(one), changed = monotonic_ns();
      due = monotonic_ns() >= next || monotonic_ns() - changed < kFirstLookEvery;
    }
  }
}

// None could be taken: what would hold for all of them is said first.
Error Intake::nobody_taken() const {
  const auto& reports = samplers_.reports();
  const auto worst = std::min_element(reports.begin(), reports.end(), [](const auto& a, const auto& b) {
    return static_cast<int>(a.failure.code) < static_cast<int>(b.failure.code);
  });
  std::string others;
  if (reports.size() > 1) others = fmt::format(" (and {} more process{})", reports.size() - 1, reports.size() > 2 ? "es" : "");
  return {worst->failure.code, fmt::format("process {} `{}`: {}{}", worst->id.pid, worst->name, worst->failure.message, others)};
}

// What could not be taken may be takable soon, and what is sampled as any program can be may not show its runtime yet:
// it has just begun, or was replaced by exec, which keeps the start time, or maps a VM late.
void Intake::look_again(std::uint64_t now) {
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
    if (!settled && again.tries < kMostTries) again_.push_back({again.found, now + (kFirstTry << again.tries), again.tries + 1});
  }
}

void Intake::skip(const Found& found) {
  if (skipped_.size() >= kMostSkipped || !skipped_.insert(found.id).second || skipped_.size() > kMostSkippedTold) return;
  log_warning("process {} `{}` is skipped: max_processes is {}{}", found.id.pid, redact_command_line(found.command_line), options_.max_processes,
              skipped_.size() == kMostSkippedTold ? "; of more that are, the result has the number" : "");
}

bool Intake::took_long(std::uint64_t since) const {
  const std::uint64_t most = sampling_ ? kTakeLater : samplers_.size() > 0 ? kTakeAtFirst : kTakeAtFirstOfNone;
  return monotonic_ns() - since > most;
}

void Intake::take_new(const std::vector<Found>& found) {
  const std::uint64_t begun = monotonic_ns();
  for (const Found& one : found) {
    if (std::find(known_.begin(), known_.end(), one) != known_.end()) continue;
    if (samplers_.size() >= options_.max_processes) {
      skip(one);
      continue;
    }
    if (took_long(begun)) return;   // the next look takes the rest
    if (!samplers_.take(one) || samplers_.native_only(one)) again_.push_back({one, monotonic_ns() + kFirstTry, 1});
    known_.push_back(one);
  }
}

void Intake::look(std::uint64_t now) {
  if (!std::exchange(sampling_, true)) next_look_ = now + kLookEvery;
  if (now >= next_look_) discover();
  look_again(now);
}

// On a node of many processes a look takes long: it is taken the more rarely, once all that was found is known.
void Intake::discover() {
  const std::uint64_t used = now_ns(CLOCK_THREAD_CPUTIME_ID);
  auto found = discovery_.look();
  const std::uint64_t rest = kRestAfterLook * (now_ns(CLOCK_THREAD_CPUTIME_ID) - used);
  std::erase_if(found, [&](const Found& one) { return !first_.contains(one.id) && !may_grow(); });
  std::erase_if(known_, [&](const Found& one) {
    if (std::find(found.begin(), found.end(), one) != found.end()) return false;
    samplers_.release(one);
    return true;
  });
  take_new(found);
  const bool all_known = known_.size() + skipped_.size() >= found.size();
  next_look_ = monotonic_ns() + (all_known ? std::clamp(rest, kLookEvery, kLookAtLeastEvery) : kLookEvery);
}

void Intake::hurry(std::uint64_t now) { next_look_ = std::min(next_look_, now + kLookEvery / 5); }

}  // namespace sampan

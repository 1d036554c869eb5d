#include "agent/run/triggers.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "agent/run/signals.hpp"

namespace sampan {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

bool measured(const Condition& condition) { return condition.kind == Condition::Cpu || condition.kind == Condition::Throttled; }

}  // namespace

Triggers::Triggers(const RecorderOptions& options) : options_(options) {
  double shortest = 5;
  for (const Condition& condition : options.when) {
    if (measured(condition)) shortest = std::min(shortest, condition.for_seconds), longest_ = std::max(longest_, condition.for_seconds);
    if (condition.kind == Condition::Signal) count_signal(condition.signal);
    files_.push_back(condition.kind == Condition::File ? state_of(condition.path) : FileState{});
    signals_.push_back(condition.kind == Condition::Signal ? times_signalled(condition.signal) : 0);
  }
  every_ = std::clamp(static_cast<std::uint64_t>(shortest / 5 * 1e9), kSecond / 10, kSecond);
}

Triggers::FileState Triggers::state_of(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return {};
  return {status.st_mtim.tv_sec * 1'000'000'000LL + status.st_mtim.tv_nsec, status.st_ino};
}

const Vitals* Triggers::ago(double seconds, std::uint64_t now) const {
  const auto length = static_cast<std::uint64_t>(seconds * 1e9);
  for (auto one = seen_.rbegin(); one != seen_.rend(); ++one) {
    if (now - one->at >= length) return &*one;
  }
  return nullptr;
}

std::string Triggers::of_cpu(const Condition& condition, const Vitals& now) const {
  const Vitals* then = ago(condition.for_seconds, now.at);
  if (!then) return {};
  const double percent = 100 * static_cast<double>(now.cpu_ns - then->cpu_ns) / static_cast<double>(now.at - then->at);
  if (percent < condition.percent) return {};
  return fmt::format("the targets used {:.0f} % of a core for {:.3g} s (cpu_percent: {:g})", percent, static_cast<double>(now.at - then->at) / 1e9, condition.percent);
}

std::string Triggers::of_throttling(const Condition& condition, const Vitals& now) const {
  const Vitals* then = ago(condition.for_seconds, now.at);
  if (!then || now.cgroup.periods <= then->cgroup.periods || then->cgroup.periods < 0) return {};
  const double percent = 100 * static_cast<double>(now.cgroup.throttled - then->cgroup.throttled) / static_cast<double>(now.cgroup.periods - then->cgroup.periods);
  if (percent < condition.percent) return {};
  return fmt::format("the cgroup was throttled in {:.0f} % of its periods for {:.3g} s (throttled_percent: {:g})", percent,
                     static_cast<double>(now.at - then->at) / 1e9, condition.percent);
}

std::string Triggers::holds(std::size_t at, const Vitals& now) {
  const Condition& condition = options_.when[at];
  const CgroupCounts& cgroup = now.cgroup;
  switch (condition.kind) {
    case Condition::Cpu: return of_cpu(condition, now);
    case Condition::Throttled: return of_throttling(condition, now);
    case Condition::Memory: {
      if (cgroup.memory < 0 || cgroup.memory_limit <= 0) return {};
      const double percent = 100 * static_cast<double>(cgroup.memory) / static_cast<double>(cgroup.memory_limit);
      return percent < condition.percent ? "" : fmt::format("the cgroup used {:.0f} % of its memory limit (memory_percent: {:g})", percent, condition.percent);
    }
    case Condition::OomKill: {
      const bool killed = !seen_.empty() && seen_.back().cgroup.oom_kills >= 0 && cgroup.oom_kills > seen_.back().cgroup.oom_kills;
      return killed ? "the kernel killed a process of the cgroup for want of memory (oom_kill)" : "";
    }
    case Condition::File: {
      const FileState before = std::exchange(files_[at], state_of(condition.path));
      return files_[at] == before || files_[at].written_ns < 0 ? "" : fmt::format("the file {} appeared", condition.path);
    }
    case Condition::Signal: {
      const unsigned before = std::exchange(signals_[at], times_signalled(condition.signal));
      return signals_[at] == before ? "" : fmt::format("the agent got SIG{}", condition.signal == SIGUSR1 ? "USR1" : "USR2");
    }
  }
  return {};
}

std::string Triggers::look(const Vitals& now) {
  std::string why;
  for (std::size_t at = 0; at < options_.when.size(); ++at) {
    const std::string holding = holds(at, now);   // of each: files and signals are noted
    if (why.empty()) why = holding;
  }
  seen_.push_back(now);
  while (seen_.size() > 2 && static_cast<double>(now.at - seen_[1].at) / 1e9 >= longest_) seen_.pop_front();
  return why;
}

std::string Triggers::impossible(const CgroupCounts& counts) const {
  std::string text;
  const auto say = [&](const char* sentence) { text += (text.empty() ? "" : "; ") + std::string(sentence); };
  for (const Condition& condition : options_.when) {
    if (condition.kind == Condition::Throttled && counts.periods < 0) say("throttled_percent: the target's cgroup has no CPU quota that can be seen");
    if (condition.kind == Condition::Memory && (counts.memory < 0 || counts.memory_limit <= 0)) say("memory_percent: the target's cgroup has no memory limit that can be seen");
    if (condition.kind == Condition::OomKill && counts.oom_kills < 0) say("oom_kill: the target's cgroup does not count kills, or cannot be seen");
  }
  return text;
}

}  // namespace sampan

#include "agent/result/health.hpp"

#include <fmt/format.h>

namespace sampan {
namespace {

const char* reason_of(Exit code) {
  switch (code) {
    case Exit::NotPermitted: return "not_permitted";
    case Exit::CannotSample: return "cannot_sample";
    case Exit::NoTarget: return "excluded";
    case Exit::TargetEnded: return "gone";
    default: return "other";
  }
}

struct Text {
  std::string out;

  void head(std::string_view name, std::string_view type, std::string_view help) {
    out += fmt::format("# HELP sampan_{0} {2}\n# TYPE sampan_{0} {1}\n", name, type, help);
  }
  template <typename T>
  void one(std::string_view name, std::string_view type, std::string_view help, T value) {
    head(name, type, help);
    out += fmt::format("sampan_{} {}\n", name, value);
  }
  void by(std::string_view name, std::string_view type, std::string_view help, const std::map<std::string, std::uint64_t>& values) {
    if (values.empty()) return;
    head(name, type, help);
    for (const auto& [labels, value] : values) out += fmt::format("sampan_{}{{{}}} {}\n", name, labels, value);
  }
};

}  // namespace

void Health::count(const RunResult& outcome, std::uint64_t wall_seconds) {
  ++profiles_;
  failed_profiles_ += outcome.code != Exit::Delivered;
  code_of_last_ = static_cast<int>(outcome.code);
  seconds_of_last_ = wall_seconds;
  samples_ += outcome.samples;
  const Quality& q = outcome.sampled.quality;
  for (std::uint64_t Quality::* figure : {&Quality::wanted, &Quality::taken, &Quality::lost, &Quality::suspect, &Quality::truncated, &Quality::failed, &Quality::late, &Quality::unresolved}) {
    sum_.*figure += q.*figure;
  }
  for (const DeliveryReport& report : outcome.deliveries) ++(report.delivered ? delivered_ : report.refused ? refused_ : undelivered_);
  spool_ = outcome.spool;
  sampled_.clear();
  unsampled_.clear();
  for (const ProcessReport& p : outcome.sampled.processes) {
    const std::string runtime = p.runtime.empty() ? "unknown" : p.runtime;
    if (!p.tier.empty()) ++sampled_[fmt::format("runtime=\"{}\",tier=\"{}\"", runtime, p.tier)];
    else ++unsampled_[fmt::format("runtime=\"{}\",reason=\"{}\"", runtime, reason_of(p.failure.code))];
  }
}

std::string Health::text() const {
  const Cost cost = own_cost();
  Text t;
  t.one("profiles_total", "counter", "Profiles since the agent began.", profiles_);
  t.one("profiles_failed_total", "counter", "Those that ended with an exit code other than 0.", failed_profiles_);
  t.one("last_profile_timestamp_seconds", "gauge", "When the last profile ended.", seconds_of_last_);
  t.one("last_profile_exit_code", "gauge", "Its exit code.", code_of_last_);
  t.one("samples_total", "counter", "Weight of all profiles: samples, or nanoseconds of waits.", samples_);
  t.one("thread_samples_wanted_total", "counter", "Thread samples due, idle ones included.", sum_.wanted);
  t.one("thread_samples_taken_total", "counter", "Stacks taken.", sum_.taken);
  t.one("thread_samples_lost_total", "counter", "Dropped in the kernel's buffers.", sum_.lost);
  t.one("thread_samples_suspect_total", "counter", "Taken, but changed while they were read.", sum_.suspect);
  t.one("thread_samples_truncated_total", "counter", "Taken with frames missing.", sum_.truncated);
  t.one("thread_samples_failed_total", "counter", "Not readable.", sum_.failed);
  t.one("ticks_late_total", "counter", "Moments that came late and were skipped.", sum_.late);
  t.one("frames_unresolved_total", "counter", "Frames without a name.", sum_.unresolved);
  t.by("processes", "gauge", "Processes sampled in the last profile.", sampled_);
  t.by("processes_not_sampled", "gauge", "Processes that matched and were not sampled in the last profile.", unsampled_);
  t.one("cpu_seconds_total", "counter", "The agent's own processor time.", cost.cpu_seconds);
  t.one("resident_bytes_max", "gauge", "The agent's own memory at its highest.", cost.rss_bytes);
  t.by("deliveries_total", "counter", "Files to destinations.",
       {{"result=\"delivered\"", delivered_ + spool_.delivered}, {"result=\"refused\"", refused_ + spool_.refused}, {"result=\"failed\"", undelivered_ + spool_.failed}});
  if (!spool_.used) return t.out;
  t.one("spool_files", "gauge", "Files that wait in spool_dir.", spool_.waiting);
  t.one("spool_bytes", "gauge", "Their bytes.", spool_.bytes);
  t.one("spool_dropped_total", "counter", "Files dropped from it: too old, too much, damaged.", spool_.dropped);
  return t.out;
}

}  // namespace sampan

#include "agent/result/progress.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <span>

#include "agent/contract/clock.hpp"

extern const char events_schema_json[];
extern const char events_schema_json_end[];

namespace sampan {
namespace {

using Json = nlohmann::ordered_json;
constexpr double kBeatEvery = 5;
constexpr double kBarEvery = 0.25;
constexpr std::size_t kTerminationBytes = 4096;
constexpr const char* kTerminationLog = "/dev/termination-log";

Progress* current_ = nullptr;

std::string dumped(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

void scrub(Json& json, const Secrets& secrets) {
  if (json.is_string()) {
    json = secrets.scrub(json.get<std::string>());
  } else if (json.is_structured()) {
    for (Json& item : json) scrub(item, secrets);
  }
}

void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t wrote = ::write(fd, text.data(), text.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
}

Json quality_json(const Sampled& sampled) {
  const Quality& q = sampled.quality;
  const auto microseconds = [](std::uint64_t ns) { return static_cast<double>(ns) / 1e3; };
  return {{"wanted", q.wanted},       {"taken", q.taken},   {"idle", q.idle}, {"frameless", q.frameless}, {"suspect", q.suspect},
          {"truncated", q.truncated}, {"failed", q.failed}, {"lost", q.lost}, {"late", q.late},
          {"unresolved", q.unresolved}, {"inferred", q.inferred}, {"stopped", q.stopped}, {"traced", q.traced},
          {"longest_stop_us", microseconds(q.stops.most_ns())}, {"p99_stop_us", microseconds(q.stops.quantile_ns(0.99))},
          {"rate", sampled.rate}, {"achieved_rate", sampled.achieved_rate}, {"lowered_rate", sampled.lowered_rate}};
}

Json processes_json(const Sampled& sampled) {
  Json list = Json::array();
  for (const ProcessReport& p : sampled.processes) {
    Json entry = {{"pid", p.id.pid}, {"name", p.name}, {"why", p.why}};
    if (!p.runtime.empty()) entry["runtime"] = p.runtime;
    if (!p.tier.empty()) entry["tier"] = p.tier;
    if (!p.failure.message.empty()) entry["failure"] = p.failure.message;
    if (!p.note.empty()) entry["note"] = p.note;
    if (!p.container.id.empty()) entry["container_id"] = p.container.id;
    if (!p.container.pod_uid.empty()) entry["pod_uid"] = p.container.pod_uid;
    if (!p.container.name.empty()) entry["container_name"] = p.container.name;
    if (!p.container.pod_name.empty()) entry["pod_name"] = p.container.pod_name;
    if (!p.container.pod_namespace.empty()) entry["namespace"] = p.container.pod_namespace;
    list.push_back(std::move(entry));
  }
  return list;
}

Json files_json(const RunResult& outcome) {
  Json list = Json::array();
  for (const Artifact& file : outcome.files) {
    Json entry = {{"name", file.name}, {"format", file.format}, {"path", file.path}, {"bytes", file.bytes.size()}, {"sha256", file.sha256}};
    if (!file.labels.empty()) entry["labels"] = file.labels;
    list.push_back(std::move(entry));
  }
  return list;
}

Json deliveries_json(const RunResult& outcome) {
  Json list = Json::array();
  for (const DeliveryReport& d : outcome.deliveries) {
    Json entry = {{"destination", d.destination}, {"file", d.file}, {"delivered", d.delivered},
                  {"status", d.status}, {"attempts", d.attempts}};
    if (!d.failure.empty()) entry["failure"] = d.failure;
    list.push_back(std::move(entry));
  }
  return list;
}

// The functions that changed by more than chance, in percent and percentage points.
Json verdict_json(const DiffVerdict& verdict) {
  constexpr std::size_t kMost = 100;
  const auto percent = [](double share) { return std::round(share * 1e5) / 1e3; };
  Json functions = Json::array();
  for (const FunctionChange& c : std::span(verdict.changes).first(std::min(verdict.changed, kMost))) {
    functions.push_back({{"function", c.name}, {"self_before", percent(c.self_before)}, {"self_after", percent(c.self_after)},
                         {"low", percent(c.low)}, {"high", percent(c.high)}, {"self_changed", c.self_changed},
                         {"total_before", percent(c.total_before)}, {"total_after", percent(c.total_after)}, {"total_changed", c.total_changed}});
  }
  return {{"compared", verdict.changes.size()}, {"changed", verdict.changed}, {"functions", std::move(functions)}};
}

Json fired_json(const Fired& fired) {
  return {{"why", fired.why}, {"time", iso_time(fired.wall_ns)}, {"seconds", fired.seconds}};
}

// What of them is known.
Json cgroup_json(const CgroupUse& use) {
  Json json = Json::object();
  const auto put = [&](const char* name, auto value) {
    if (value >= 0) json[name] = value;
  };
  put("periods", use.periods);
  put("throttled_periods", use.throttled_periods);
  put("throttled_seconds", use.throttled_seconds);
  put("cores", use.cores);
  put("cpu_seconds", use.cpu_seconds);
  put("memory_bytes", use.memory_bytes);
  put("memory_limit_bytes", use.memory_limit_bytes);
  put("oom_kills", use.oom_kills);
  put("cpu_pressure_seconds", use.cpu_pressure_seconds);
  put("memory_pressure_seconds", use.memory_pressure_seconds);
  put("io_pressure_seconds", use.io_pressure_seconds);
  return json;
}

Json bursts_json(const RunResult& outcome) {
  Json list = Json::array();
  for (const Burst& b : outcome.bursts) {
    list.push_back({{"from", static_cast<double>(b.from_ns) / 1e9}, {"to", static_cast<double>(b.to_ns) / 1e9}, {"function", b.function},
                    {"share", b.share}, {"usual_share", b.usual}, {"sentence", burst_sentence(b)}});
  }
  return list;
}

Json spool_json(const SpoolState& s) {
  return {{"waiting", s.waiting}, {"bytes", s.bytes}, {"delivered", s.delivered}, {"refused", s.refused}, {"failed", s.failed}, {"dropped", s.dropped}};
}

Json result_json(const RunResult& outcome) {
  const Cost cost = own_cost();
  const Sampled& sampled = outcome.sampled;
  Json json = {{"code", static_cast<int>(outcome.code)}, {"sentence", outcome.sentence}, {"partial", outcome.partial},
               {"ended", ended_name(sampled.ended)}, {"samples", outcome.samples}, {"seconds", sampled.seconds},
               {"tier", sampled.tier}, {"tier_sentence", sampled.tier_sentence}, {"quality", quality_json(sampled)},
               {"cost", {{"cpu_seconds", cost.cpu_seconds}, {"kernel_seconds", cost.kernel_seconds}, {"rss_bytes", cost.rss_bytes},
                         {"kernel_bytes", sampled.kernel.bytes}, {"interrupts", sampled.kernel.interrupts}}}};
  if (sampled.recorder) json["fired"] = sampled.fired.any() ? fired_json(sampled.fired) : Json();
  if (Json cgroup = cgroup_json(sampled.cgroup); !cgroup.empty()) json["cgroup"] = std::move(cgroup);
  json.update(Json{{"bursts", bursts_json(outcome)}, {"processes", processes_json(sampled)}, {"skipped_processes", sampled.skipped_processes},
                   {"files", files_json(outcome)}, {"deliveries", deliveries_json(outcome)}});
  if (outcome.verdict) json["verdict"] = verdict_json(*outcome.verdict);
  if (outcome.spool.used) json["spool"] = spool_json(outcome.spool);
  return json;
}

std::string bar_of(double share) {
  constexpr int kWidth = 30;
  const int full = static_cast<int>(std::clamp(share, 0.0, 1.0) * kWidth);
  std::string bar;
  for (int i = 0; i < kWidth; ++i) bar += i < full ? "█" : "░";
  return bar;
}

}  // namespace

// Only where the kubelet made it: no file of this name may appear on a machine that has none.
Progress::Progress(std::FILE* out)
    : out_(out), terminal_(isatty(fileno(out)) == 1), termination_log_(::open(kTerminationLog, O_WRONLY | O_CLOEXEC | O_NOFOLLOW)) {
  current_ = this;
  set_log_sink([](LogLevel level, const std::string& line) { current_->log(level, line); });
}

Progress::~Progress() {
  clear_bar();
  set_log_sink(nullptr);
  current_ = nullptr;
}

void Progress::clear_bar() {
  if (!std::exchange(bar_, false)) return;
  std::fputs("\r\033[K", out_);
}

void Progress::event(std::string_view name, Json members) {
  scrub(members, secrets_);
  Json line = {{"schema", 1}, {"event", name}, {"seq", seq_++}, {"time", iso_time(wall_ns())}};
  line.update(members);
  const std::string text = dumped(line) + "\n";
  std::fwrite(text.data(), 1, text.size(), out_);
  std::fflush(out_);
}

void Progress::stage(std::string_view name, const std::string& sentence) {
  if (!terminal_) return event("stage", {{"stage", name}, {"sentence", sentence}});
  clear_bar();
  std::fprintf(out_, "%s\n", printable(secrets_.scrub(sentence), 4096).c_str());
  std::fflush(out_);
}

void Progress::beat(double elapsed, double seconds, const Quality& quality, double achieved_rate, std::size_t processes) {
  if (last_beat_ > elapsed) last_beat_ = -1;   // the next profile of a series
  if (last_beat_ >= 0 && elapsed - last_beat_ < (terminal_ ? kBarEvery : kBeatEvery)) return;
  last_beat_ = elapsed;
  const double percent = std::min(100.0, 100 * elapsed / std::max(seconds, 1e-9));
  if (!terminal_) {
    return event("progress", {{"percent", percent}, {"elapsed", elapsed}, {"samples", quality.taken},
                              {"achieved_rate", achieved_rate}, {"late", quality.late}, {"processes", processes}});
  }
  bar_ = true;
  std::fprintf(out_, "\r\033[K%s %3.0f %%  %llu samples of %zu processes at %.0f Hz", bar_of(percent / 100).c_str(), percent,
               static_cast<unsigned long long>(quality.taken), processes, achieved_rate);
  std::fflush(out_);
}

void Progress::log(LogLevel level, const std::string& sentence) {
  static const bool debug = std::getenv("SAMPAN_DEBUG") != nullptr;
  if (level == LogLevel::Debug && !debug) return;
  if (!terminal_) {
    const char* names[] = {"debug", "info", "warning"};
    return event("log", {{"level", names[static_cast<int>(level)]}, {"sentence", sentence}});
  }
  clear_bar();
  const std::string text = printable(secrets_.scrub(sentence), 4096);
  std::fprintf(out_, "%s%s\n", level == LogLevel::Warning ? "warning: " : "", text.c_str());
  std::fflush(out_);
}

void Progress::result(const RunResult& outcome) {
  if (!terminal_) {
    event("result", result_json(outcome));
  } else {
    stage("result", outcome.sentence);
    for (const Artifact& file : outcome.files) {
      if (!file.path.empty()) stage("result", "  " + file.path);
    }
  }
  if (!termination_log_ || ::ftruncate(termination_log_.get(), 0) != 0) return;
  ::lseek(termination_log_.get(), 0, SEEK_SET);
  write_all(termination_log_.get(), termination_message(outcome, secrets_));
}

std::string termination_message(const RunResult& outcome, const Secrets& secrets) {
  Json json = result_json(outcome);
  scrub(json, secrets);
  if (std::string text = dumped(json); text.size() <= kTerminationBytes) return text;
  // The longest lists give way first; what remains is small whatever happened.
  for (const char* list : {"processes", "deliveries", "files", "bursts"}) {
    json[list] = Json::array();
    if (std::string text = dumped(json); text.size() <= kTerminationBytes) return text;
  }
  json["sentence"] = printable(json["sentence"].get<std::string>(), 1024);
  json["tier_sentence"] = "";
  return dumped(json);
}

std::string_view events_schema() {
  return {events_schema_json, static_cast<std::size_t>(events_schema_json_end - events_schema_json)};
}

}  // namespace sampan

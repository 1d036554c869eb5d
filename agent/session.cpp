#include "agent/session.hpp"

#include <algorithm>
#include <new>
#include <optional>
#include <utility>

#include "agent/contract/clock.hpp"
#include "agent/contract/counted.hpp"
#include "agent/delivery/courier.hpp"
#include "agent/delivery/delivery.hpp"
#include "agent/delivery/files.hpp"
#include "agent/modes/doctor.hpp"
#include "agent/modes/dump.hpp"
#include "agent/modes/redraw.hpp"
#include "agent/modes/top.hpp"
#include "agent/result/comparison.hpp"
#include "agent/result/diagnosis.hpp"
#include "agent/result/draw.hpp"
#include "agent/result/health.hpp"
#include "agent/run/cpu_account.hpp"
#include "agent/run/loop.hpp"
#include "agent/run/series.hpp"
#include "agent/target/discovery.hpp"
#include "flamegraph/routes.hpp"
#include "samplers/base/log.hpp"

namespace sampan {
namespace {

// Where a file can go nowhere, sampling for a minute is no use.
Result<void> probe_output(const Params& params, Progress& progress) {
  const DeliveryOptions& delivery = params.delivery;
  Batch batch = batch_of(params.target, params.sampling.rate, params.series.every > 0, wall_ns(), 0);
  batch.parts = params.picture.split_by != SplitBy::None;
  if (auto checked = check_uploads(delivery.uploads, params.picture.formats, batch, progress); !checked) return checked;
  auto probed = probe_directory(delivery.output_dir);
  if (probed || delivery.uploads.empty()) return probed;
  log_warning("{}: files go to the upload destinations only", probed.error().message);
  return {};
}

RunObserver progress_watch(const SamplingOptions& sampling, Progress& progress) {
  RunObserver watch;
  watch.begin = [&](std::size_t processes, const std::string& tiers) {
    progress.stage("sample", fmt::format("sampling {} at {} Hz for {} s by {}", counted(processes, "process", "processes"), sampling.rate, sampling.seconds, tiers));
  };
  watch.tick = [&](const Moment& moment) {
    progress.beat(moment.elapsed, sampling.seconds, moment.quality, moment.achieved_rate, moment.processes);
    return true;
  };
  return watch;
}

RunObserver recorder_watch(Progress& progress) {
  RunObserver watch;
  watch.begin = [&](std::size_t processes, const std::string& tiers) {
    progress.stage("sample", fmt::format("recording {} by {}, until something happens", counted(processes, "process", "processes"), tiers));
  };
  watch.tick = [](const Moment&) { return true; };
  return watch;
}

// A clock that is set back must not let a profile of a series replace an earlier one.
std::uint64_t time_of_name(std::uint64_t started) {
  constexpr std::uint64_t kSecond = 1'000'000'000;
  static std::uint64_t last = 0;
  return last = std::max(started, last + kSecond);
}

// What needs more memory than there is, is drawn less deep: what was sampled is never lost for that.
RunResult draw_within_memory(Profile& profile, const PictureOptions& options, bool routes, const Sampled& sampled, std::uint64_t started) {
  for (const std::size_t depth : {128, 32, 8, 3}) {
    try {
      profile.settle();
      if (std::exchange(routes, false)) profile = by_route(profile);
      return draw(profile, options, sampled, started);
    } catch (const std::bad_alloc&) {
      log_warning("there is too little memory to draw all: frames deeper than {} are drawn as one", depth);
      profile.cut(depth, profile.intern({FrameKind::Note, "[deeper frames]", {}}));
    }
  }
  return draw(profile, options, sampled, started);
}

// From a profile that says what it shows to what is delivered.
RunResult finish(Profile& profile, const Params& params, const Sampled& sampled, std::uint64_t started, Courier* courier, Progress& progress) {
  progress.stage("render", "drawing " + counted(profile.total(), "sample", "samples"));
  RunResult outcome = draw_within_memory(profile, params.picture, params.sampling.by_route, sampled, started);

  progress.stage("deliver", "delivering " + counted(outcome.files.size(), "file", "files"));
  const auto duration_ns = static_cast<std::uint64_t>(sampled.seconds * 1e9);
  deliver(params.delivery, batch_of(params.target, params.sampling.rate, params.series.every > 0, started, duration_ns), courier, outcome, progress);
  return outcome;
}

}  // namespace

RunResult profile_once(const Params& params, Courier* courier, Progress& progress, Recorder* recorder) {
  progress.stage("discover", fmt::format("looking for {}", params.target.label()));
  if (auto probed = probe_output(params, progress); !probed) return failed(probed.error());
  auto discovery = Discovery::open(params.target);
  if (!discovery) return failed(discovery.error());

  Profile profile;
  if (params.sampling.time) profile.moments.want();
  std::uint64_t started = wall_ns();
  RunObserver watch = recorder ? recorder_watch(progress) : progress_watch(params.sampling, progress);
  const auto show = [&](const Sampled& sampled) {
    if (recorder) started = profile.moments.start_ns();
    describe(profile, params.picture, params.sampling.event, sampled, started);
    const Diagnosis why = diagnose(profile, params.sampling, sampled);
    if (!why.sentence.empty()) profile.description.notes.push_back("Why it shows so little: " + why.sentence + ".");
    RunResult outcome = finish(profile, params, sampled, time_of_name(started), courier, progress);
    if (!why.sentence.empty()) outcome.sentence += "; " + why.sentence;
    if (outcome.code == Exit::Delivered) outcome.code = why.code;
    return outcome;
  };
  CpuAccount account;
  watch.begin = [&, tell = watch.begin](std::size_t processes, const std::string& tiers) {
    account.start();
    tell(processes, tiers);
  };
  auto sampled = sample(params.sampling, *discovery, profile, watch, recorder);
  if (!sampled) return failed(explained(sampled.error(), params.target));
  if (!recorder) sampled->cpu = account.use_of(sampled->processes);
  return show(*sampled);
}

namespace {

void describe_recorded(Profile& profile, const Params& params) {
  const auto inputs = params.inputs.size() + params.compare.baseline.size();
  Description& d = profile.description;
  d.title = params.picture.title;
  d.subtitle = params.picture.subtitle;
  if (d.subtitle.empty()) d.subtitle = fmt::format("{} of {}", row_of(params.mode).name, counted(inputs, "input", "inputs"));
}

// What was recorded before, drawn anew.
RunResult redraw(const Params& params, Courier* courier, Progress& progress) {
  const std::uint64_t started = wall_ns();
  progress.stage("read", "reading " + counted(params.inputs.size(), "input", "inputs"));
  if (auto probed = probe_output(params, progress); !probed) return failed(probed.error());
  auto profile = read_inputs(params.inputs, params.window, progress);
  if (!profile) return failed(profile.error());
  describe_recorded(*profile, params);
  return finish(*profile, params, {}, started, courier, progress);
}

// Two of them compared: delivered whatever the verdict is, which the exit code then tells.
RunResult compare(const Params& params, Courier* courier, Progress& progress) {
  const std::uint64_t started = wall_ns();
  progress.stage("read", "reading " + counted(params.inputs.size() + params.compare.baseline.size(), "input", "inputs"));
  if (auto probed = probe_output(params, progress); !probed) return failed(probed.error());
  auto compared = compare_inputs(params.inputs, params.compare, params.window, progress);
  if (!compared) return failed(compared.error());
  Profile& profile = compared->difference;
  describe_recorded(profile, params);
  const std::string verdict = verdict_sentence(compared->verdict), slower = slower_sentence(compared->verdict, params.compare);
  profile.description.notes.insert(profile.description.notes.begin(), "Verdict: " + verdict + ".");
  RunResult outcome = finish(profile, params, {}, started, courier, progress);
  outcome.sentence += "; " + (slower.empty() ? verdict : slower);
  if (outcome.code == Exit::Delivered && !slower.empty()) outcome.code = Exit::Slower;
  outcome.verdict = std::move(compared->verdict);
  return outcome;
}

Exit tell(const RunResult& outcome, Progress& progress) {
  progress.result(outcome);
  return outcome.code;
}

void write_metrics(const std::string& path, const Health& health) {
  if (path.empty()) return;
  const auto slash = path.rfind('/');
  if (auto written = write_whole(path.substr(0, slash + 1), path.substr(slash + 1), health.text()); !written) log_warning("metrics_file: {}", written.error().message);
}

// One function for each row of modes.def: it hands the mode the parts of the params that it takes.
Exit do_profile(const Params& params, Courier* courier, Progress& progress) {
  Health health;
  std::optional<Recorder> recorder;
  if (params.sampling.recorder.any()) recorder.emplace(params.sampling.recorder);
  const Exit code = run_series(params.series, progress, [&] {
    RunResult outcome = profile_once(params, courier, progress, recorder ? &*recorder : nullptr);
    health.count(outcome, wall_ns() / 1'000'000'000);
    write_metrics(params.series.metrics_file, health);
    return outcome;
  });
  if (!courier || params.series.every == 0) return code;
  courier->finish();
  const SpoolState left = courier->state();
  if (left.waiting > 0) log_warning("{} of {} bytes wait in spool_dir for the agent's next start", counted(left.waiting, "file", "files"), left.bytes);
  return code != Exit::Delivered || left.waiting == 0 ? code : Exit::DeliveryFailed;
}
Exit do_doctor(const Params& params, Courier*, Progress& progress) {
  return tell(run_doctor(params.target, params.sampling, params.delivery, progress), progress);
}
Exit do_dump(const Params& params, Courier*, Progress& progress) { return tell(run_dump(params.target, params.sampling, progress), progress); }
Exit do_top(const Params& params, Courier*, Progress& progress) {
  return tell(run_top(params.target, params.sampling, params.picture.title, progress), progress);
}
Exit do_render(const Params& params, Courier* courier, Progress& progress) { return tell(redraw(params, courier, progress), progress); }
Exit do_merge(const Params& params, Courier* courier, Progress& progress) { return tell(redraw(params, courier, progress), progress); }
Exit do_diff(const Params& params, Courier* courier, Progress& progress) { return tell(compare(params, courier, progress), progress); }

}  // namespace

Exit run_session(const Params& params, Courier* courier, Progress& progress) {
  constexpr Exit (*kRun[])(const Params&, Courier*, Progress&) = {
#define MODE(enumerator, function, ...) do_##function,
#include "agent/contract/modes.def"
  };
  return kRun[static_cast<std::size_t>(params.mode)](params, courier, progress);
}

}  // namespace sampan

#include "agent/session.hpp"

#include "agent/clock.hpp"
#include "agent/delivery/delivery.hpp"
#include "agent/delivery/files.hpp"
#include "agent/discovery.hpp"
#include "agent/doctor.hpp"
#include "agent/draw.hpp"
#include "agent/dump.hpp"
#include "agent/loop.hpp"
#include "agent/redraw.hpp"
#include "agent/series.hpp"
#include "agent/top.hpp"

namespace sampan {
namespace {

// Where a file can go nowhere, sampling for a minute is no use.
Result<void> probe_output(const Params& params, Progress& progress) {
  if (auto checked = check_uploads(params, progress); !checked) return checked;
  auto probed = probe_directory(params.output_dir);
  if (probed || params.uploads.empty()) return probed;
  log_warning("{}: files go to the upload destinations only", probed.error().message);
  return {};
}

Watch progress_watch(const Params& params, Progress& progress) {
  Watch watch;
  watch.begin = [&](std::size_t processes, const std::string& tiers) {
    progress.stage("sample", fmt::format("sampling {} processes at {} Hz for {} s by {}", processes, params.options.rate, params.seconds, tiers));
  };
  watch.tick = [&](const Moment& moment) {
    progress.beat(moment.elapsed, params.seconds, moment.quality, moment.achieved_rate, moment.processes);
    return true;
  };
  return watch;
}

}  // namespace

Outcome profile_once(const Params& params, Progress& progress) {
  progress.stage("discover", fmt::format("looking for {}", params.target.label()));
  if (auto probed = probe_output(params, progress); !probed) return failed(probed.error());
  auto discovery = Discovery::open(params.target);
  if (!discovery) return failed(discovery.error());

  Profile profile;
  const std::uint64_t started = wall_ns();
  auto sampled = sample(params, *discovery, profile, progress_watch(params, progress));
  if (!sampled) return failed(explained(sampled.error(), params.target));

  profile.settle();
  progress.stage("render", fmt::format("drawing {} samples", profile.total()));
  describe(profile, params, *sampled, started);
  Outcome outcome = draw(profile, params, std::move(*sampled), started);

  progress.stage("deliver", fmt::format("delivering {} files", outcome.files.size()));
  deliver(params, outcome, started, progress);
  return outcome;
}

Exit run_session(const Params& params, Progress& progress) {
  Outcome outcome;
  switch (params.mode) {
    case Mode::Profile: return run_series(params, progress, [&] { return profile_once(params, progress); });
    case Mode::Doctor: outcome = run_doctor(params, progress); break;
    case Mode::Dump: outcome = run_dump(params, progress); break;
    case Mode::Top: outcome = run_top(params, progress); break;
    case Mode::Render:
    case Mode::Merge:
    case Mode::Diff: outcome = redraw(params, progress); break;
  }
  progress.result(outcome);
  return outcome.code;
}

}  // namespace sampan

#include "agent/session.hpp"

#include "agent/clock.hpp"
#include "agent/delivery/delivery.hpp"
#include "agent/delivery/files.hpp"
#include "agent/discovery.hpp"
#include "agent/draw.hpp"
#include "agent/loop.hpp"
#include "agent/signals.hpp"

namespace sampan {
namespace {

Outcome failed(const Error& error) {
  Outcome outcome;
  outcome.code = error.code;
  outcome.sentence = error.message;
  return outcome;
}

// Where a file can go nowhere, sampling for a minute is no use.
Result<void> probe_output(const Params& params) {
  auto probed = probe_directory(params.output_dir);
  if (probed || params.uploads.empty()) return probed;
  log_warning("{}: files go to the upload destinations only", probed.error().message);
  return {};
}

Outcome deliver(const Params& params, Outcome outcome, const Batch& batch, Progress& progress) {
  progress.stage("deliver", fmt::format("delivering {} files", outcome.files.size()));
  const std::string unwritten = write_files(params, outcome.files);
  if (!unwritten.empty()) log_warning("{}", unwritten);
  outcome.deliveries = upload_files(params, outcome.files, batch, progress);
  judge_delivery(outcome, unwritten, params.uploads.empty());
  return outcome;
}

}  // namespace

Outcome profile_once(const Params& params, Progress& progress) {
  progress.stage("discover", fmt::format("looking for {}", params.target.label()));
  if (auto probed = probe_output(params); !probed) return failed(probed.error());
  auto discovery = Discovery::open(params.target);
  if (!discovery) return failed(discovery.error());

  Profile profile;
  const std::uint64_t started = wall_ns();
  auto sampled = sample(params, *discovery, profile, progress);
  if (!sampled) return failed(sampled.error());

  profile.settle();
  progress.stage("render", fmt::format("drawing {} samples", profile.total()));
  describe(profile, params, *sampled, started);
  Outcome outcome;
  outcome.samples = profile.total();
  outcome.partial = sampled->ended != Ended::Time;
  outcome.files = draw(profile, params, started);
  outcome.sampled = std::move(*sampled);
  const auto batch = batch_of(params, started, static_cast<std::uint64_t>(outcome.sampled.seconds * 1e9));
  return deliver(params, std::move(outcome), batch, progress);
}

Exit run_session(const Params& params, Progress& progress) {
  const Outcome outcome = profile_once(params, progress);
  progress.result(outcome);
  return outcome.code;
}

}  // namespace sampan

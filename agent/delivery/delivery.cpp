#include "agent/delivery/delivery.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "agent/contract/clock.hpp"
#include "agent/delivery/files.hpp"
#include "agent/result/sha256.hpp"
#include "agent/run/signals.hpp"
#include "samplers/process/files.hpp"

namespace sampan {
namespace {

constexpr double kGrace = 20;   // seconds for delivery after SIGTERM: the kubelet kills after 30

// Seconds that delivery may still take: no limit before a signal, none left after a second one.
double seconds_left() {
  if (signals_seen() == 0) return -1;
  if (signals_seen() > 1) return 0;
  const double since = static_cast<double>(monotonic_ns() - first_signal_ns()) / 1e9;
  return std::max(0.0, kGrace - since);
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

std::string own_host() {
  char name[256] = {};
  gethostname(name, sizeof name - 1);
  return name;
}

// The node's name: told by the manifest, else as the host's own init sees it.
std::string node_name() {
  if (std::string name = variable("NODE_NAME"); !name.empty()) return name;
  if (auto root = open_root(1)) {
    if (auto file = open_target_file(root->get(), "/etc/hostname")) {
      std::string name = read_file(file->get(), 256).value_or("");
      name.erase(std::min(name.find_first_of(" \r\n"), name.size()));
      if (!name.empty()) return name;
    }
  }
  return own_host();
}

}  // namespace

Batch batch_of(const TargetKeys& target, unsigned rate, std::uint64_t started_ns, std::uint64_t duration_ns) {
  Batch batch;
  batch.app_name = target.app_name.empty() ? target.label() : target.app_name;
  batch.version_id = target.version_id.empty() ? "none" : target.version_id;
  batch.pod = variable("POD_NAME");
  if (batch.pod.empty()) batch.pod = own_host();
  batch.node = node_name();
  batch.started_ns = started_ns;
  batch.duration_ns = duration_ns;
  batch.run = variable("SAMPAN_RUN");
  if (batch.run.empty()) batch.run = batch.pod + "-" + std::to_string(started_ns / 1'000'000'000);
  batch.rate = rate;
  return batch;
}

std::string idempotency_key(const Batch& batch, const Artifact& file) {
  return sha256_hex(batch.app_name + "\n" + batch.version_id + "\n" + batch.run + "\n" + file.format).substr(0, 32);
}

std::string write_files(const std::string& output_dir, std::vector<Artifact>& files) {
  std::string failure;
  for (Artifact& file : files) {
    auto path = write_whole(output_dir, file.name, file.bytes);
    if (path) file.path = *path;
    else if (failure.empty()) failure = path.error().message;
  }
  return failure;
}

namespace {

// Whether a destination takes a file of this format.
bool takes(const Upload& upload, std::string_view format) {
  const auto wants = [&](Format f) { return format == format_name(f); };
  if (!upload.formats.empty() && std::none_of(upload.formats.begin(), upload.formats.end(), wants)) return false;
  // Pyroscope takes two of the formats and knows nothing to do with the others.
  return !upload.pyroscope || format == "folded" || format == "pprof";
}

}  // namespace

Result<void> check_uploads(const std::vector<Upload>& uploads, const std::vector<Format>& formats, const Batch& batch, Progress& progress) {
  for (const Upload& upload : uploads) {
    std::set<std::string> urls;
    std::size_t files = 0;
    for (const Format format : formats) {
      Artifact file;
      file.format = format_name(format);
      file.name = file.sha256 = file.format;   // differs as the real ones will
      if (!takes(upload, file.format)) continue;
      auto request = request_of(upload, file, batch, progress);
      if (!request) return fail(Exit::BadParams, "upload to {}: {}", redact_url(upload.url), request.error().message);
      urls.insert(request->url);
      ++files;
    }
    if (files == 0) return fail(Exit::BadParams, "upload to {}: none of the formats goes there", redact_url(upload.url));
    if (upload.method == "PUT" && urls.size() < files) {
      return fail(Exit::BadParams, "upload to {}: {} files would be put to one object: use {{name}} or {{format}} in upload.url",
                  redact_url(upload.url), files);
    }
    for (const std::string* path : {&upload.ca_file, &upload.cert_file, &upload.key_file}) {
      if (!path->empty() && ::access(path->c_str(), R_OK) != 0) return fail(Exit::BadParams, "upload: the file {} cannot be read", *path);
    }
  }
  return {};
}

std::vector<DeliveryReport> upload_files(const std::vector<Upload>& uploads, const std::vector<Artifact>& files, const Batch& batch, Progress& progress) {
  std::vector<Request> requests;
  std::vector<DeliveryReport> reports;
  for (const Upload& upload : uploads) {
    for (const Artifact& file : files) {
      if (!takes(upload, file.format)) continue;
      auto request = request_of(upload, file, batch, progress);
      if (request) {
        requests.push_back(std::move(*request));
        continue;
      }
      DeliveryReport report;
      report.destination = redact_url(upload.url);
      report.file = file.name;
      report.refused = true;
      report.failure = request.error().message;
      reports.push_back(std::move(report));
    }
  }
  for (DeliveryReport& report : send_all(requests, seconds_left)) reports.push_back(std::move(report));
  for (const DeliveryReport& report : reports) {
    if (report.delivered) log_info("{} delivered to {} (attempt {})", report.file, report.destination, report.attempts);
    else log_warning("{} is not delivered to {}: {}", report.file, report.destination, report.failure);
  }
  return reports;
}

void judge_delivery(RunResult& outcome, const std::string& unwritten, bool files_only) {
  std::size_t failed = 0;
  bool all_refused = true;
  std::string why;
  for (const DeliveryReport& report : outcome.deliveries) {
    if (report.delivered) continue;
    ++failed;
    all_refused &= report.refused;
    if (why.empty()) why = fmt::format("{}: {}", report.destination, report.failure);
  }
  std::string paths;
  for (const Artifact& file : outcome.files) {
    if (!file.path.empty()) paths += (paths.empty() ? "" : ", ") + file.path;
  }
  const char* whole = outcome.partial ? "partial profile" : "profile";
  if (failed > 0) {
    outcome.code = all_refused ? Exit::DeliveryRefused : Exit::DeliveryFailed;
    outcome.sentence = fmt::format("{} of {} deliveries failed: {}; {}", failed, outcome.deliveries.size(), why,
                                   paths.empty() ? "no file could be kept" : "kept: " + paths);
  } else if (!unwritten.empty() && files_only) {
    outcome.code = Exit::DeliveryFailed;
    outcome.sentence = unwritten;
  } else {
    const std::string ended = ended_sentence(outcome.sampled.ended);
    outcome.sentence = fmt::format("{}{} of {} samples delivered{}", ended.empty() ? "" : ended + ": ", whole, outcome.samples, paths.empty() ? "" : ": " + paths);
  }
}

void deliver(const DeliveryOptions& options, const Batch& batch, RunResult& outcome, Progress& progress) {
  const std::string unwritten = write_files(options.output_dir, outcome.files);
  if (!unwritten.empty()) log_warning("{}", unwritten);
  outcome.deliveries = upload_files(options.uploads, outcome.files, batch, progress);
  judge_delivery(outcome, unwritten, options.uploads.empty());
}

}  // namespace sampan

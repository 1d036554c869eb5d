#include "agent/delivery/delivery.hpp"

#include <unistd.h>

#include <algorithm>
#include <set>

#include "agent/contract/clock.hpp"
#include "agent/contract/counted.hpp"
#include "agent/delivery/courier.hpp"
#include "agent/delivery/files.hpp"
#include "agent/delivery/sinks/sink.hpp"
#include "agent/run/signals.hpp"

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

}  // namespace

std::string write_files(const std::string& output_dir, std::vector<Artifact>& files) {
  std::string failure;
  for (Artifact& file : files) {
    auto path = write_whole(output_dir, file.name, file.bytes);
    if (path) file.path = *path;
    else if (failure.empty()) failure = path.error().message;
  }
  return failure;
}

std::vector<const Artifact*> files_for(const Upload& upload, const std::vector<Artifact>& files) {
  const auto wanted = [&](const Artifact& file) {
    const auto is = [&](const Format* format) { return format->name == file.format; };
    return upload.formats.empty() || std::any_of(upload.formats.begin(), upload.formats.end(), is);
  };
  std::vector<const Artifact*> chosen;
  for (const Artifact& file : files) {
    if (wanted(file)) chosen.push_back(&file);
  }
  const auto& best_first = sink_of(upload).formats;
  if (best_first.empty()) return chosen;
  for (const std::string_view format : best_first) {
    const auto found = std::find_if(chosen.begin(), chosen.end(), [&](const Artifact* file) { return file->format == format; });
    if (found == chosen.end()) continue;
    std::erase_if(chosen, [&](const Artifact* file) { return file->format != format; });   // one file a part
    return chosen;
  }
  return {};
}

namespace {

// Files that differ from each other, and from those of another time, as the real ones will.
std::vector<Artifact> stand_ins(const std::vector<const Format*>& formats, const Batch& batch) {
  std::vector<Artifact> files;
  const std::vector<std::string> parts = batch.parts ? std::vector<std::string>{"0", "1"} : std::vector<std::string>{""};
  for (const std::string& part : parts) {
    for (const Format* format : formats) {
      Artifact file;
      file.format = format->name;
      file.name = file.sha256 = fmt::format("{}{}.{}", part, batch.started_ns / 1'000'000'000, format->suffix);
      file.part = part;
      if (!part.empty()) file.labels = {{"container_id", part}};
      files.push_back(std::move(file));
    }
  }
  return files;
}

Result<std::set<std::string>> urls_of(const Upload& upload, const std::vector<Artifact>& files, const Batch& batch, Progress& progress) {
  std::set<std::string> urls;
  for (const Artifact* file : files_for(upload, files)) {
    auto request = request_of(upload, *file, batch, progress);
    if (!request && request.error().code == Exit::DeliveryFailed) {   // whom it asks for credentials may answer later
      urls.insert(file->name);
      continue;
    }
    if (!request) return fail(Exit::BadParams, "upload to {}: {}", redact_url(upload.url), request.error().message);
    urls.insert(request->url);
  }
  return urls;
}

// What is put replaces what was there; what is posted does not.
Result<void> check_objects(const Upload& upload, const std::vector<const Format*>& formats, const Batch& batch, Progress& progress) {
  const auto files = stand_ins(formats, batch);
  const auto urls = urls_of(upload, files, batch, progress);
  if (!urls) return tl::unexpected(urls.error());
  const std::size_t count = files_for(upload, files).size();
  if (count == 0) return fail(Exit::BadParams, "upload to {}: none of the formats goes there", redact_url(upload.url));
  if (upload.method != "PUT") return {};
  if (urls->size() < count) {
    return fail(Exit::BadParams, "upload to {}: {} files would be put to one object: use {{name}}, {{format}} or, with split_by, {{container_id}} in upload.url", redact_url(upload.url), count);
  }
  if (!batch.series) return {};
  const Batch next = next_of(batch);
  const auto later = urls_of(upload, stand_ins(formats, next), next, progress);
  if (!later) return tl::unexpected(later.error());
  if (*later != *urls) return {};
  return fail(Exit::BadParams, "upload to {}: with every, each profile would replace the one before: use {{time}}, {{run}} or {{name}} in upload.url",
              redact_url(upload.url));
}

}  // namespace

Result<void> check_uploads(const std::vector<Upload>& uploads, const std::vector<const Format*>& formats, const Batch& batch, Progress& progress) {
  for (const Upload& upload : uploads) {
    if (auto checked = check_objects(upload, formats, batch, progress); !checked) return checked;
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
    for (const Artifact* file : files_for(upload, files)) {
      auto request = request_of(upload, *file, batch, progress);
      if (request) {
        requests.push_back(std::move(*request));
        continue;
      }
      DeliveryReport report;
      report.destination = redact_url(upload.url);
      report.file = file->name;
      report.refused = request.error().code != Exit::DeliveryFailed;
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
    outcome.sentence = fmt::format("{}{} of {} delivered{}", ended.empty() ? "" : ended + ": ", whole, counted(outcome.samples, "sample", "samples"), paths.empty() ? "" : ": " + paths);
  }
}

namespace {

void judge_spool(RunResult& outcome) {
  const SpoolState& spool = outcome.spool;
  outcome.sentence = fmt::format("{} of {} handed to the spool: {} waiting there, {} delivered so far", outcome.partial ? "partial profile" : "profile",
                                 counted(outcome.samples, "sample", "samples"), counted(spool.waiting, "file", "files"), spool.delivered);
  if (spool.dropped > 0) outcome.sentence += fmt::format(", {} dropped", spool.dropped);
  if (spool.refused > 0) outcome.sentence += fmt::format(", {} refused", spool.refused);
}

}  // namespace

void deliver(const DeliveryOptions& options, const Batch& batch, Courier* courier, RunResult& outcome, Progress& progress) {
  const bool kept = !courier || !batch.series;   // of a series the spool holds them until they are delivered
  const std::string unwritten = kept ? write_files(options.output_dir, outcome.files) : "";
  if (!unwritten.empty()) log_warning("{}", unwritten);
  if (courier) {
    courier->take(outcome.files, batch);
    if (!batch.series) courier->finish();
    outcome.spool = courier->state();
    judge_spool(outcome);
    if (!batch.series && outcome.spool.waiting > 0) outcome.code = Exit::DeliveryFailed;
    else if (!batch.series && outcome.spool.refused > 0) outcome.code = Exit::DeliveryRefused;
    return;
  }
  outcome.deliveries = upload_files(options.uploads, outcome.files, batch, progress);
  judge_delivery(outcome, unwritten, options.uploads.empty());
}

}  // namespace sampan

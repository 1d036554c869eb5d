#include "agent/delivery/delivery.hpp"

#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "agent/clock.hpp"
#include "agent/delivery/files.hpp"
#include "agent/signals.hpp"
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

Batch batch_of(const Params& params, std::uint64_t started_ns, std::uint64_t duration_ns) {
  Batch batch;
  batch.app_name = params.target.app_name.empty() ? params.target.label() : params.target.app_name;
  batch.version_id = params.target.version_id.empty() ? "none" : params.target.version_id;
  batch.pod = variable("POD_NAME");
  if (batch.pod.empty()) batch.pod = own_host();
  batch.node = node_name();
  batch.started_ns = started_ns;
  batch.duration_ns = duration_ns;
  batch.run = variable("SAMPAN_RUN");
  if (batch.run.empty()) batch.run = batch.pod + "-" + std::to_string(started_ns / 1'000'000'000);
  batch.rate = params.options.rate;
  return batch;
}

std::string sha256_hex(std::string_view bytes) {
  std::array<unsigned char, 32> digest{};
  unsigned size = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr);
  std::string hex;
  for (const unsigned char byte : digest) hex += fmt::format("{:02x}", byte);
  return hex;
}

std::string idempotency_key(const Batch& batch, const Artifact& file) {
  return sha256_hex(batch.app_name + "\n" + batch.version_id + "\n" + batch.run + "\n" + file.format).substr(0, 32);
}

std::string write_files(const Params& params, std::vector<Artifact>& files) {
  std::string failure;
  for (Artifact& file : files) {
    auto path = write_whole(params.output_dir, file.name, file.bytes);
    if (path) file.path = *path;
    else if (failure.empty()) failure = path.error().message;
  }
  return failure;
}

std::vector<DeliveryReport> upload_files(const Params& params, const std::vector<Artifact>& files, const Batch& batch, Progress& progress) {
  std::vector<Request> requests;
  std::vector<DeliveryReport> reports;
  for (const Upload& upload : params.uploads) {
    for (const Artifact& file : files) {
      const auto wants = [&](Format f) { return file.format == format_name(f); };
      if (!upload.formats.empty() && std::none_of(upload.formats.begin(), upload.formats.end(), wants)) continue;
      // Pyroscope takes two of the formats and knows nothing to do with the others.
      if (upload.pyroscope && file.format != "folded" && file.format != "pprof") continue;
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

}  // namespace sampan

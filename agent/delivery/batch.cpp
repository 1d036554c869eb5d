#include "agent/delivery/batch.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "agent/result/sha256.hpp"
#include "agent/target/node.hpp"

namespace sampan {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

std::string own_host() {
  char name[256] = {};
  gethostname(name, sizeof name - 1);
  return name;
}

// JOB_COMPLETION_INDEX is what Kubernetes itself gives to each pod of an Indexed Job.
std::string run_of(const Batch& batch, const std::string& seconds, const std::string& index) {
  const std::string job = variable("SAMPAN_RUN");
  if (job.empty()) return batch.pod + "-" + seconds;
  return job + (index.empty() ? "" : "-" + index) + (batch.series ? "-" + seconds : "");
}

std::string seconds_of(const Batch& batch) { return std::to_string(batch.started_ns / 1'000'000'000); }

}  // namespace

Batch batch_of(const TargetKeys& target, unsigned rate, bool series, std::uint64_t started_ns, std::uint64_t duration_ns) {
  Batch batch;
  batch.app_name = target.app_name.empty() ? target.label() : target.app_name;
  batch.version_id = target.version_id.empty() ? "none" : target.version_id;
  batch.pod = variable("POD_NAME");
  if (batch.pod.empty()) batch.pod = own_host();
  batch.node = node_name();
  batch.started_ns = started_ns;
  batch.duration_ns = duration_ns;
  batch.series = series;
  batch.rate = rate;
  const std::string index = variable("JOB_COMPLETION_INDEX");
  batch.index = index.empty() ? "0" : index;
  batch.run = run_of(batch, seconds_of(batch), index);
  return batch;
}

Batch next_of(const Batch& batch) {
  constexpr std::uint64_t kDay = 86'400'000'000'000;
  Batch next = batch;
  next.started_ns += kDay;
  next.run = run_of(next, seconds_of(next), variable("JOB_COMPLETION_INDEX"));
  return next;
}

Words words_of(const Batch& batch, const Artifact& file) {
  const auto label = [&](const char* name) {
    const auto found = file.labels.find(name);
    return found == file.labels.end() ? std::string("none") : found->second;
  };
  return {{"namespace", label("namespace")}, {"target_pod", label("pod")}, {"container", label("container")}, {"container_id", label("container_id")},
          {"app_name", batch.app_name}, {"version_id", batch.version_id}, {"pod", batch.pod}, {"node", batch.node},
          {"time", seconds_of(batch)}, {"run", batch.run}, {"index", batch.index}, {"name", file.name},
          {"format", file.format}, {"sha256", file.sha256}};
}

std::string idempotency_key(const Batch& batch, const Artifact& file) {
  return sha256_hex(batch.app_name + "\n" + batch.version_id + "\n" + batch.run + "\n" + file.format + (file.part.empty() ? "" : "\n" + file.part)).substr(0, 32);
}

}  // namespace sampan

// Delivery: every file to output_dir and to every destination, each independent of the others.
#pragma once

#include <string>
#include <vector>

#include "agent/contract/stages.hpp"
#include "agent/delivery/http.hpp"
#include "agent/delivery/templates.hpp"
#include "agent/result/progress.hpp"
#include "agent/result/run_result.hpp"

namespace sampan {

// What names and templates are made of; the same for all files of one profile.
struct Batch {
  std::string app_name, version_id;
  std::string pod, node;      // the agent's own
  std::uint64_t started_ns = 0, duration_ns = 0;   // wall clock
  std::string run;            // the same for every try of one Job, where SAMPAN_RUN gives it
  unsigned rate = 0;
};
Batch batch_of(const TargetKeys& target, unsigned rate, std::uint64_t started_ns, std::uint64_t duration_ns);

// The same for every try to deliver this file, and, with SAMPAN_RUN, for every try of the same Job.
std::string idempotency_key(const Batch& batch, const Artifact& file);

// Files into output_dir; the sentence of the first failure, empty where all were written.
std::string write_files(const std::string& output_dir, std::vector<Artifact>& files);

// The request of one file to one destination; secrets are read from where the params say and hidden from events.
Result<Request> request_of(const Upload& upload, const Artifact& file, const Batch& batch, Progress& progress);

// Before anything is sampled: whether every request could be made (templates, variables, files of secrets), and no two
// files would go to the same object.
Result<void> check_uploads(const std::vector<Upload>& uploads, const std::vector<Format>& formats, const Batch& batch, Progress& progress);

// Sends all files to all destinations, and says how each went.
std::vector<DeliveryReport> upload_files(const std::vector<Upload>& uploads, const std::vector<Artifact>& files, const Batch& batch, Progress& progress);

// The outcome's exit code and sentence from what was written and delivered. `unwritten` is why a file could not be
// written, empty where all were; `files_only`: there is no other destination.
void judge_delivery(RunResult& outcome, const std::string& unwritten, bool files_only);

// All of it: writes, sends, judges. Files stay where they are, whatever becomes of the sending.
void deliver(const DeliveryOptions& options, const Batch& batch, RunResult& outcome, Progress& progress);

}  // namespace sampan

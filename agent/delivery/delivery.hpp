// Delivery: every file to output_dir and to every destination, each independent of the others.
#pragma once

#include <string>
#include <vector>

#include "agent/contract/stages.hpp"
#include "agent/delivery/batch.hpp"
#include "agent/delivery/http.hpp"
#include "agent/result/progress.hpp"
#include "agent/result/run_result.hpp"

namespace sampan {

class Courier;

// Files into output_dir; the sentence of the first failure, empty where all were written.
std::string write_files(const std::string& output_dir, std::vector<Artifact>& files);

// The request of one file to one destination; secrets are read from where the params say and hidden from events.
Result<Request> request_of(const Upload& upload, const Artifact& file, const Batch& batch, Progress& progress);

// Of a profile's files those that a destination takes.
std::vector<const Artifact*> files_for(const Upload& upload, const std::vector<Artifact>& files);

// Before anything is sampled: whether every request could be made (templates, variables, files of secrets), and no two
// files, of one profile or of a series, would go to the same object.
Result<void> check_uploads(const std::vector<Upload>& uploads, const std::vector<const Format*>& formats, const Batch& batch, Progress& progress);

// Sends all files to all destinations, and says how each went.
std::vector<DeliveryReport> upload_files(const std::vector<Upload>& uploads, const std::vector<Artifact>& files, const Batch& batch, Progress& progress);

// The outcome's exit code and sentence from what was written and delivered. `unwritten` is why a file could not be
// written, empty where all were; `files_only`: there is no other destination.
void judge_delivery(RunResult& outcome, const std::string& unwritten, bool files_only);

// All of it: writes, sends, judges. Files stay where they are, whatever becomes of the sending.
// With a courier they are handed to it, and it is waited for only where no other profile follows.
void deliver(const DeliveryOptions& options, const Batch& batch, Courier* courier, RunResult& outcome, Progress& progress);

}  // namespace sampan

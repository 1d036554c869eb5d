// What is on its way to a destination, as files of a folder: it outlives the agent. Bounded in bytes and age; the oldest go
// first. No credential is kept: requests are made anew, from params, when something is sent.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/contract/stages.hpp"
#include "agent/delivery/batch.hpp"
#include "agent/result/run_result.hpp"

namespace sampan {

// One file for one destination; `name` is its place in the spool.
struct Waiting {
  std::string name;
  std::string destination;      // destination_of() an upload
  std::uint64_t bytes = 0, started = 0;   // seconds since the epoch at which the profile began
};

struct Consignment {
  Artifact file;
  Batch batch;
};

// The same for every agent that has this destination in its params.
std::string destination_of(const Upload& upload);

class Spool {
 public:
  // `dir` exists.
  Spool(std::string dir, std::uint64_t most_bytes, std::uint64_t most_seconds) : dir_(std::move(dir)), most_bytes_(most_bytes), most_seconds_(most_seconds) {}

  // Keeps it whole or not at all; where the disk is full, older ones make room. Returns how many were dropped for that, the
  // new one itself among them where nothing helps.
  unsigned put(const Upload& upload, const Artifact& file, const Batch& batch);
  // Drops what is too old or too much; returns how many.
  unsigned trim(std::uint64_t now_seconds);

  // What waits, oldest first.
  std::vector<Waiting> list() const;
  // None where it is gone, or damaged: then it is removed.
  std::optional<Consignment> read(const Waiting& waiting) const;
  void remove(const Waiting& waiting) const;

 private:
  std::string dir_;
  std::uint64_t most_bytes_, most_seconds_;
};

}  // namespace sampan

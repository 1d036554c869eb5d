// Sends what waits in the spool, from a process of its own with its own memory: sampling never waits for a server. It has
// none of the rights that sampling needs.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>

#include "agent/contract/stages.hpp"
#include "agent/delivery/batch.hpp"
#include "agent/delivery/pace.hpp"
#include "agent/delivery/spool.hpp"
#include "agent/result/progress.hpp"
#include "agent/result/run_result.hpp"
#include "samplers/base/unique_fd.hpp"

namespace sampan {

class Courier {
 public:
  // Begins it: to be called before the agent restricts itself (guard/syscall_filter forbids copies) and before it has
  // threads. Null where there is no spool_dir or no destination. `restrict` is called in the new process.
  static Result<std::unique_ptr<Courier>> start(const DeliveryOptions& options, void (*restrict)(const std::string& spool_dir));
  // Ends it as finish() does.
  ~Courier();
  Courier(const Courier&) = delete;

  // Hands over the files of one profile.
  void take(const std::vector<Artifact>& files, const Batch& batch);
  SpoolState state() const;
  // Lets it try once more what waits, for a while, and waits for its end.
  void finish();

 private:
  struct Shared;
  Courier(const DeliveryOptions& options, Shared* shared);
  void work();
  void send(const Waiting& waiting, bool more, Pace& pace, Progress& progress);

  const DeliveryOptions& options_;
  Spool spool_;
  Shared* shared_;
  UniqueFd writer_;   // of orders; its end is the end
  pid_t pid_ = 0;
};

}  // namespace sampan

// Which of a dump's looks is shown. Threads are read one after the other: where the interpreter's lock changes hands
// meanwhile, a look shows two holders of it or none, each at its own moment; then another look is taken.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <vector>

#include "agent/result/run_result.hpp"
#include "flamegraph/profile.hpp"

namespace sampan {

class DumpLooks {
 public:
  // The profile, of stacks below a process's and a thread's frame, outlives this.
  explicit DumpLooks(Profile& profile) : profile_(profile) {}

  // After a tick, `whole` where it reached every thread: true as soon as each process has a look that can be shown.
  bool take(const std::vector<ProcessReport>& reports, bool whole);
  // Takes their weight from all stacks but those of the looks that are shown.
  void keep_shown();

 private:
  struct Look {
    std::map<pid_t, NodeId> stacks;   // by thread
    unsigned holders = 0;
  };
  struct Shown {
    Look look;
    unsigned looks = 0, unheld = 0;   // looks so far, and those without a holder
    bool in_pieces = false;           // its threads do not fit into one tick
    bool done = false;
  };
  std::map<pid_t, Look> since_last();
  void take(Shown& shown, Look look, bool lock, bool whole) const;

  Profile& profile_;
  std::vector<std::uint64_t> counted_;   // each node's weight at the last tick
  std::map<pid_t, Shown> shown_;
};

}  // namespace sampan

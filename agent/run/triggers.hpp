// When the flight recorder fires: the conditions of `when`, each held against what has been seen.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "agent/contract/recorder.hpp"
#include "agent/run/vitals.hpp"

namespace sampan {

class Triggers {
 public:
  // Takes signals from now on; the options outlive it. A file that is there now, and a process that was killed before, do not count.
  explicit Triggers(const RecorderOptions& options);

  // Looks begin anew, their counters at other values: what was seen before is held against nothing. Files and signals stay known.
  void begin() { seen_.clear(); }
  // How often look() is due, nanoseconds: a fifth of the shortest time that is measured, 0.1 to 1 s.
  std::uint64_t every() const { return every_; }
  // The sentence of the first condition that holds now; empty: none does.
  std::string look(const Vitals& vitals);
  // Those that nothing of the target can fulfil (no quota, no limit), as a sentence; empty: none.
  std::string impossible(const CgroupCounts& counts) const;

 private:
  struct FileState {
    std::int64_t written_ns = -1;   // -1: it is not there
    std::uint64_t inode = 0;
    bool operator==(const FileState&) const = default;
  };
  std::string holds(std::size_t at, const Vitals& now);
  std::string of_cpu(const Condition& condition, const Vitals& now) const;
  std::string of_throttling(const Condition& condition, const Vitals& now) const;
  // The newest look that is so old; none where there is no such yet.
  const Vitals* ago(double seconds, std::uint64_t now) const;
  static FileState state_of(const std::string& path);

  const RecorderOptions& options_;
  std::uint64_t every_;
  double longest_ = 0;              // seconds that are measured
  std::deque<Vitals> seen_;
  std::vector<FileState> files_;    // by condition
  std::vector<unsigned> signals_;   // by condition
};

}  // namespace sampan

// The operating system's threads of a process, with descriptors kept open as long as there are enough: one pread tells
// whether one ran.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "samplers/base/unique_fd.hpp"

namespace sampan {

// Of a /proc/…/status: the id in the innermost PID namespace, the last number of the NSpid line.
pid_t innermost_id(std::string_view status, pid_t otherwise);

// Of a /proc/…/schedstat: nanoseconds on a processor as of the kernel's last tick, nanoseconds ready and waiting for one
// up to the last time it was put on one, and how often that was. All 0 where the kernel does not count, or of a thread
// that is gone.
struct SchedStat {
  std::uint64_t ran = 0, waited = 0, turns = 0;
};

// The calling thread's own; opened once, read often.
class OwnSchedStat {
 public:
  OwnSchedStat();
  SchedStat read() const;

 private:
  UniqueFd file_;
};

class Thread {
 public:
  Thread(pid_t pid, pid_t tid);

  pid_t tid() const { return tid_; }              // in this agent's numbering
  pid_t inner_tid() const { return inner_tid_; }  // in the thread's own PID namespace (last of NSpid)
  const std::string& name() const { return name_; }

  // True where it slept at the last look at its state and has not been put on a processor since: idle, proven. Of a
  // thread that ran /proc/…/schedstat tells nothing: its run time is added up at the kernel's ticks only (4 ms and more).
  bool unchanged();
  // The scheduler's state letter now (`R` runs or waits to run); 0 where the thread is gone.
  char state();
  // True where the state is `R`. (/proc/…/syscall would tell for a third of the price, but may wait a kernel tick for a
  // thread that is about to sleep.)
  bool runs() { return state() == 'R'; }
  SchedStat schedstat() const;
  // The processor that it was on, or waited for, at the last look at its state; -1 where it was gone.
  int processor() const { return processor_; }

  // A tier's own notes: the thread's root frame once made, the tree node of its last whole stack, its lane in time.
  std::uint32_t root = 0;
  std::uint32_t last_node = 0;
  std::uint32_t lane = kNoLane;
  static constexpr std::uint32_t kNoLane = UINT32_MAX;

 private:
  std::size_t read(const UniqueFd& kept, const char* file, char* text, std::size_t size) const;

  pid_t pid_, tid_, inner_tid_;
  std::string name_;
  UniqueFd schedstat_, stat_;
  int processor_ = -1;
  bool slept_ = false;        // at the last look at its state
  char schedstat_text_[64] = {};   // run time, wait, times it was put on a processor
};

// All threads of one process, by tid, refreshed on demand; those that stay keep their descriptors.
class Threads {
 public:
  explicit Threads(pid_t pid);
  // True where the number of threads is no longer that of the last refresh; one system call.
  bool count_changed() const;
  // Reads /proc/PID/task; false where the process is gone.
  bool refresh();
  std::map<pid_t, Thread>& all() { return threads_; }

 private:
  pid_t pid_;
  UniqueFd task_;
  std::uint64_t links_ = 0;      // of /proc/PID/task: threads + 2
  std::map<pid_t, Thread> threads_;
};

}  // namespace sampan

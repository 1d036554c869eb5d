// Notices that the process which reads targets is stuck in the kernel: memory under userfaultfd, a mapped file of FUSE or
// of a dead server, a file system that does not answer may keep one read waiting for ever.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace sampan {

enum class Watched : std::uint8_t {
  Completed,
  Stuck,      // it waited in one read for ten seconds (two, once a signal has asked for the end; one, while a thread of a
              // target stood stopped for it) and was ended: what it traced runs again
  Crashed,
};

// Does `work` in a Worker and waits for it, for a signal and for its getting stuck. What the work throws is thrown.
Watched run_watched(const std::function<void()>& work);

// The work says that it goes on: while it does, nothing else is looked at.
void note_progress();

// A read's number and the process's count of waits so far, from the texts of /proc/…/syscall and /proc/…/status; nothing
// where it is in no call that reads from a target.
struct WaitingRead {
  long call = 0;
  unsigned long long waits = 0;
  bool operator==(const WaitingRead&) const = default;
};
bool parse_waiting_read(const std::string& syscall_text, const std::string& status_text, WaitingRead& read);

}  // namespace sampan

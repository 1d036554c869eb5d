// Notices that the thread which reads targets is stuck in the kernel: memory under userfaultfd, a mapped file of FUSE or
// of a dead server, a file system that does not answer may keep one read waiting for ever.
#pragma once

#include <pthread.h>
#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>

namespace sampan {

class Watchdog {
 public:
  // Watches the calling thread. Where it has waited in one read for ten seconds, it is parked for good (it runs no code of
  // its own any more, even if the read ends) and `stuck` is called, once, on another thread: it ends the process.
  // Where no thread can be had, nothing is watched.
  explicit Watchdog(std::function<void()> stuck);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;

 private:
  void start();
  void watch();
  bool waits_for(std::chrono::seconds time);

  pid_t watched_;
  std::function<void()> stuck_;
  std::mutex mutex_;
  std::condition_variable change_;
  bool over_ = false;
  bool running_ = false;
  pthread_t thread_{};
};

// A read's number and the thread's count of waits so far, from the texts of /proc/…/syscall and /proc/…/status; nothing
// where the thread is in no call that reads from a target.
struct WaitingRead {
  long call = 0;
  unsigned long long waits = 0;
  bool operator==(const WaitingRead&) const = default;
};
bool parse_waiting_read(const std::string& syscall_text, const std::string& status_text, WaitingRead& read);

}  // namespace sampan

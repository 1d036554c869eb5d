// Work in a process of its own that shares this one's memory, open files and signal handlers. A thread that waits in the
// kernel for a target cannot be ended; this can, wherever it waits, and at its end the kernel lets go of all that it traces.
#pragma once

#include <pthread.h>
#include <semaphore.h>
#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>

namespace sampan {

class Worker {
 public:
  // Begins `work`, in which SIGTERM, SIGINT and other signals for the agent are blocked. Where no such process can be had
  // (no memory, a limit, a sanitizer that knows only threads) the work is done here and now. One worker at a time; while it
  // runs, its maker only waits.
  explicit Worker(std::function<void()> work);
  // Ends it.
  ~Worker();
  Worker(const Worker&) = delete;

  // Waits for its end, at most so long or until a signal comes; true: it has ended.
  bool wait(std::chrono::milliseconds most);
  // Ends it wherever it is; false where the kernel does not let it go even so (a dead file server): it runs no code any more.
  bool end();
  // Throws what the work has thrown. Returns false where the work did not come to its own end.
  bool completed() const;
  // In this agent's numbering; 0: there is none.
  pid_t pid() const { return pid_; }

 private:
  enum Order : std::uint32_t { Wait, Return, Die };
  static void* keep(void* self);
  static int run(void* self);
  void do_work();
  bool start();
  bool reap();
  void give(Order order);

  std::function<void()> work_;
  std::exception_ptr thrown_;
  std::atomic<bool> completed_{false};
  std::atomic<std::uint32_t> order_{Wait};
  std::atomic<pid_t> pid_{0};
  bool ended_ = true, kept_ = false;   // the keeper is there
  void* stack_ = nullptr;
  pthread_t keeper_{};
  sem_t begun_{}, done_{};
};

}  // namespace sampan

// How: signals to other processes are none of the agent's rights (guard/syscall_filter), so the worker is the child of a
// thread, its keeper, and has asked for SIGKILL at that thread's end. Both use one stack and one block of thread-local
// storage, which is free while the keeper does nothing but wait in one system call.
#include "agent/run/worker.hpp"

#include <linux/futex.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "samplers/base/clock.hpp"

namespace sampan {
namespace {

constexpr std::size_t kStackBytes = std::size_t{8} << 20;   // as a first thread has; shared memory, so that no budget counts what is not used
constexpr std::size_t kKeeperBytes = 64 << 10;              // of the stack's top
constexpr std::size_t kGuardBytes = 64 << 10;
constexpr std::uint64_t kEndWithinNs = 1'000'000'000;

void futex(std::atomic<std::uint32_t>& word, int operation, std::uint32_t value) {
  ::syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&word), operation, value, nullptr, nullptr, 0);
}

timespec after(std::uint64_t ns) {
  const std::uint64_t at = now_ns() + ns;
  return {static_cast<time_t>(at / 1'000'000'000), static_cast<long>(at % 1'000'000'000)};
}

// Signals for the agent are the keeper's maker's; those of the work's own timers get through.
void set_signals(bool worker) {
  sigset_t blocked;
  ::sigfillset(&blocked);
  if (worker) ::sigdelset(&blocked, SIGRTMAX);
  ::pthread_sigmask(SIG_SETMASK, &blocked, nullptr);
}

}  // namespace

Worker::Worker(std::function<void()> work) : work_(std::move(work)) {
  ::sem_init(&begun_, 0, 0);
  ::sem_init(&done_, 0, 0);
  if (!start()) do_work();
}

bool Worker::start() {
#if defined(__SANITIZE_THREAD__)
  return false;
#endif
  stack_ = ::mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (stack_ == MAP_FAILED) return stack_ = nullptr, false;
  ::mprotect(stack_, kGuardBytes, PROT_NONE);
  pthread_attr_t attributes;
  if (::pthread_attr_init(&attributes) != 0) return false;
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, &before);
  const bool made = ::pthread_attr_setstack(&attributes, stack_, kStackBytes) == 0 && ::pthread_create(&keeper_, &attributes, keep, this) == 0;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::pthread_attr_destroy(&attributes);
  if (!made) return false;
  while (::sem_wait(&begun_) != 0) {
  }
  if (pid_ == 0) return ::pthread_join(keeper_, nullptr), false;
  ended_ = false;
  return kept_ = true;
}

// The keeper: from the clone on it touches nothing that the worker may use.
void* Worker::keep(void* self) {
  Worker& worker = *static_cast<Worker*>(self);
  set_signals(false);
  char here = 0;
  void* const top = reinterpret_cast<void*>((reinterpret_cast<std::uintptr_t>(&here) - kKeeperBytes) & ~std::uintptr_t{63});
  const int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_SYSVSEM | CLONE_PARENT_SETTID;
  const bool made = ::clone(run, top, flags, self, reinterpret_cast<pid_t*>(&worker.pid_)) > 0;
  if (!made) ::sem_post(&worker.begun_);
  while (made && worker.order_ == Wait) futex(worker.order_, FUTEX_WAIT_PRIVATE, Wait);
  if (worker.order_ == Die) ::syscall(SYS_exit, 0);   // nothing is tidied up: the worker may be using it
  return nullptr;
}

int Worker::run(void* self) {
  Worker& worker = *static_cast<Worker*>(self);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  set_signals(true);
  ::sem_post(&worker.begun_);
  worker.do_work();
  ::sem_post(&worker.done_);
  return 0;
}

void Worker::do_work() {
  try {
    work_();
  } catch (...) {
    thrown_ = std::current_exception();
  }
  completed_ = true;
}

bool Worker::reap() {
  return ended_ || (ended_ = ::waitpid(pid_, nullptr, __WALL | WNOHANG) != 0);
}

bool Worker::wait(std::chrono::milliseconds most) {
  if (ended_) return true;
  const timespec until = after(static_cast<std::uint64_t>(most.count()) * 1'000'000);
  if (::sem_clockwait(&done_, CLOCK_MONOTONIC, &until) != 0) return reap();   // it may have crashed
  while (::waitpid(pid_, nullptr, __WALL) < 0 && errno == EINTR) {
  }
  return ended_ = true;
}

void Worker::give(Order order) {
  order_ = order;
  futex(order_, FUTEX_WAKE_PRIVATE, 1);
}

bool Worker::end() {
  if (!kept_) return true;
  if (order_ == Wait) give(ended_ ? Return : Die);
  for (const std::uint64_t until = now_ns() + kEndWithinNs; !reap() && now_ns() < until;) ::usleep(1000);
  if (!ended_) return false;
  kept_ = false;
  ::pthread_join(keeper_, nullptr);   // not before: it frees what the worker used
  return true;
}

bool Worker::completed() const {
  if (thrown_) std::rethrow_exception(thrown_);
  return completed_;
}

Worker::~Worker() {
  const bool gone = end();
  if (stack_ && gone) ::munmap(stack_, kStackBytes);
  ::sem_destroy(&begun_);
  ::sem_destroy(&done_);
}

}  // namespace sampan

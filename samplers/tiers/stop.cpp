#include "samplers/tiers/stop.hpp"

#include <elf.h>
#include <sched.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <string>

#include "samplers/base/clock.hpp"
#include "samplers/process/files.hpp"

namespace sampan {
namespace {

constexpr std::size_t kPage = 4096;
std::atomic<std::uint64_t> open_stop_{0};
constexpr std::uint64_t kWoken = 20'000;   // ns: a call that was away for longer than it had to do and to wait has slept
constexpr std::uint64_t kSpinNs = 12'000;   // a thread on another processor stops within that: to be woken would lengthen its stop

// Breaks off a blocking call of this thread after so long, and again every while until it goes.
class Alarm {
 public:
  explicit Alarm(std::uint64_t after_ns) {
    static const bool handled [[maybe_unused]] = [] {
      struct sigaction action {};
      action.sa_handler = [](int) {};
      return sigaction(SIGRTMAX, &action, nullptr) == 0;   // no SA_RESTART
    }();
    sigevent event{};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = SIGRTMAX;
    event._sigev_un._tid = gettid();
    set_ = timer_create(CLOCK_MONOTONIC, &event, &timer_) == 0;
    const timespec after{static_cast<time_t>(after_ns / 1'000'000'000), static_cast<long>(after_ns % 1'000'000'000)};
    const itimerspec times{{0, 10'000'000}, after};
    if (set_) timer_settime(timer_, 0, &times, nullptr);
  }
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;
  ~Alarm() {
    if (set_) timer_delete(timer_);
  }
  bool set() const { return set_; }

 private:
  timer_t timer_{};
  bool set_ = false;
};

// Reads page by page in one call: what lies past the stack's mapping is left out.
std::size_t copy_stack(Memory& memory, std::uint64_t sp, std::span<std::byte> into) {
  Read reads[64];
  std::size_t done = 0;
  while (done < into.size()) {
    std::size_t count = 0, size = 0;
    while (count < 64 && done + size < into.size()) {
      const std::uint64_t at = sp + done + size;
      const std::size_t piece = std::min<std::size_t>(kPage - at % kPage, into.size() - done - size);
      reads[count++] = {at, into.subspan(done + size, piece)};
      size += piece;
    }
    const std::size_t got = memory.read_batch({reads, count});
    for (std::size_t i = 0; i < got; ++i) done += reads[i].into.size();
    if (got < count) break;
  }
  return done;
}

#if defined(__x86_64__)
bool read_registers(pid_t tid, Registers& r) {
  user_regs_struct u{};
  iovec vector{&u, sizeof u};
  if (ptrace(PTRACE_GETREGSET, tid, reinterpret_cast<void*>(NT_PRSTATUS), &vector) != 0) return false;
  r.pc = u.rip;
  r.sp = u.rsp;
  r.fp = u.rbp;
  r.thread_pointer = u.fs_base;
  const std::uint64_t general[] = {u.rax, u.rdx, u.rcx, u.rbx, u.rsi, u.rdi, u.rbp, u.rsp,
                                   u.r8, u.r9, u.r10, u.r11, u.r12, u.r13, u.r14, u.r15};
  std::copy(std::begin(general), std::end(general), r.general);
  return true;
}
#elif defined(__aarch64__)
bool read_registers(pid_t tid, Registers& r) {
  user_regs_struct u{};
  iovec vector{&u, sizeof u};
  if (ptrace(PTRACE_GETREGSET, tid, reinterpret_cast<void*>(NT_PRSTATUS), &vector) != 0) return false;
  r.pc = u.pc;
  r.sp = u.sp;
  r.fp = u.regs[29];
  r.lr = u.regs[30];
  std::copy(std::begin(u.regs), std::end(u.regs), r.general);
  r.general[31] = u.sp;
  iovec tls{&r.thread_pointer, sizeof r.thread_pointer};
  return ptrace(PTRACE_GETREGSET, tid, reinterpret_cast<void*>(NT_ARM_TLS), &tls) == 0;
}
#endif

// A signal that was about to be delivered goes on; an interrupt or a group stop has none.
void let_go(pid_t tid, int status) {
  const bool signal = WIFSTOPPED(status) && (status >> 16) == 0;
  const long number = signal ? WSTOPSIG(status) : 0;
  ptrace(PTRACE_DETACH, tid, nullptr, reinterpret_cast<void*>(number));
}

bool is_group_stop(int status) { return (status >> 16) == PTRACE_EVENT_STOP && WSTOPSIG(status) != SIGTRAP; }

}  // namespace

std::uint64_t Tracer::own_waited_ns() {
  if (!own_) own_.emplace();
  return own_->read().waited;
}

// 1: it stopped, at into.stopped_at. 0: time is up; -1: there is no such tracee.
int Tracer::wait_for(pid_t tid, std::uint64_t wait_ns, int& status, StackCapture& into) {
  const std::uint64_t start = now_ns();
  std::uint64_t& stopped_at = into.stopped_at;
  into.slept = false;
  stopped_at = start;
  while (stopped_at - start < kSpinNs) {
    const pid_t got = waitpid(tid, &status, __WALL | WNOHANG);
    stopped_at = now_ns();
    if (got == tid) return 1;
    if (got < 0 && errno != EINTR) return -1;
  }
  // It most likely waits for this processor and stops as soon as it gets it: this thread is woken then. (To yield
  // instead would forfeit this thread's share, and its next turn.) What it waits itself, the other stands.
  std::uint64_t before = own_waited_ns();
  const Alarm alarm(wait_ns);
  into.slept = true;
  std::uint64_t busy_since = 0;   // with a late one: what stopped meanwhile may have stood since then
  while (true) {
    const std::uint64_t asked = now_ns();
    lay_down_ns_ = now_ns(CLOCK_THREAD_CPUTIME_ID);
    const pid_t got = waitpid(late_.empty() ? tid : -1, &status, __WALL | __WNOTHREAD | (alarm.set() ? 0 : WNOHANG));
    stopped_at = now_ns();
    const std::uint64_t waited = own_waited_ns() - before;
    if (got == tid && busy_since != 0 && stopped_at - asked < kWoken) return stopped_at = busy_since, 1;
    if (got == tid) return stopped_at -= waited, 1;
    if (got > 0) busy_since = stopped_at - waited, let_late_go(got, status, waited + (now_ns() - stopped_at));
    if (got < 0 && errno != EINTR) return -1;
    if (stopped_at - start > wait_ns) return stopped_at -= waited, 0;
    before += waited;
  }
}

Stopped Tracer::capture(pid_t tid, Memory& memory, std::uint64_t wait_ns, StackCapture& into, const std::function<void()>& meanwhile) {
  if (ptrace(PTRACE_SEIZE, tid, nullptr, nullptr) != 0) return errno == ESRCH ? Stopped::Gone : Stopped::Traced;
  // It fails only where the thread has just ended: the kernel has let go of it then.
  ptrace(PTRACE_INTERRUPT, tid, nullptr, nullptr);
  int status = 0;
  const int waited = wait_for(tid, wait_ns, status, into);
  if (waited <= 0) {
    // A thread that has ended is no tracee any more; one that goes on under its process's number, by exec, still is.
    late_.insert(tid);
    looked_ns_ = into.stopped_at;
    return waited == 0 ? Stopped::Late : settle() ? Stopped::Gone : Stopped::Late;
  }
  if (!WIFSTOPPED(status)) return Stopped::Gone;
  if (is_group_stop(status)) {
    let_go(tid, status);
    return Stopped::GroupStop;
  }
  open_stop_ = into.stopped_at;
  const bool good = copy(tid, memory, into);
  if (good && meanwhile) meanwhile();
  // As soon as it is free it may take this very processor: what then passes is no part of its stop.
  const std::uint64_t still = now_ns(), ran = now_ns(CLOCK_THREAD_CPUTIME_ID);
  let_go(tid, status);
  into.stopped_ns = still - into.stopped_at + (now_ns(CLOCK_THREAD_CPUTIME_ID) - ran);
  stops_.add(into.stopped_ns);
  open_stop_ = 0;
  return good ? Stopped::Copied : Stopped::Gone;
}

bool Tracer::copy(pid_t tid, Memory& memory, StackCapture& into) {
  into.taken_at = now_ns();
  if (!read_registers(tid, into.registers)) return false;
  into.size = copy_stack(memory, into.registers.sp, into.buffer);
  return true;
}

void Tracer::let_late_go(pid_t tid, int status, std::uint64_t stood_ns) {
  late_.erase(tid);
  if (!WIFSTOPPED(status)) return;
  // The kernel answers no request before the thread has left its processor: one that its quota throttles on the way into its
  // stop is shown as stopped until its group may run again.
  const std::uint64_t asked = now_ns();
  siginfo_t info;
  ptrace(PTRACE_GETSIGINFO, tid, nullptr, &info);
  open_stop_ = asked - stood_ns;
  const auto then = standing_ && !is_group_stop(status) ? standing_(tid, asked - stood_ns) : std::function<void()>{};
  stops_.add(stood_ns + (now_ns() - asked));
  let_go(tid, status);
  open_stop_ = 0;
  if (then) then();
}

// One look for a late thread's stop, of any number: a thread's may have changed. What is known of when it came: not before
// the last look's end; and where this look slept, not before it woke.
pid_t Tracer::look(bool blocks) {
  const std::uint64_t began = now_ns(), waited = own_waited_ns(), ran = now_ns(CLOCK_THREAD_CPUTIME_ID);
  if (blocks) lay_down_ns_ = ran;
  int status = 0;
  const pid_t got = waitpid(-1, &status, __WALL | __WNOTHREAD | (blocks ? 0 : WNOHANG));
  const int error = errno;
  const std::uint64_t now = now_ns();
  const std::uint64_t awake = std::min(now - began, own_waited_ns() - waited + (now_ns(CLOCK_THREAD_CPUTIME_ID) - ran));
  const bool slept = now - began - awake > kWoken;
  if (got > 0) let_late_go(got, status, slept ? awake : now - std::min(looked_ns_, began));
  if (got < 0 && error == ECHILD) late_.clear();
  looked_ns_ = now - awake;
  return got;
}

// False where none came to its stop by then, or none is left.
bool Tracer::let_one_go(std::uint64_t until) {
  pid_t got = look(false);
  if (got == 0 && now_ns() < until) {
    const Alarm alarm(until - std::min(until, now_ns()));
    do got = look(alarm.set());
    while (got <= 0 && !late_.empty() && now_ns() < until);
  }
  return got > 0;
}

bool Tracer::settle(std::uint64_t until) {
  while (!late_.empty() && let_one_go(until)) {
  }
  return late_.empty();
}

void Tracer::abandon() {
  if (const std::uint64_t since = open_stop_.exchange(0)) stops_.add(now_ns() - since);
  late_.clear();
}

std::uint64_t open_stop_since() { return open_stop_; }

void ask_for_short_slices() {
  struct Attributes {   // struct sched_attr of <linux/sched/types.h>, whose name glibc's <sched.h> may take
    std::uint32_t size, policy;
    std::uint64_t flags;
    std::int32_t nice;
    std::uint32_t priority;
    std::uint64_t runtime, deadline, period;
  } attributes{};
  if (syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0 || attributes.policy != SCHED_OTHER) return;
  attributes.runtime = 100'000;   // ns: the shortest that there is
  syscall(SYS_sched_setattr, 0, &attributes, 0);
}

bool capture_sleeping(pid_t pid, pid_t tid, Memory& memory, StackCapture& into) {
  const auto text = read_file("/proc/" + std::to_string(pid) + "/task/" + std::to_string(tid) + "/syscall", 512);
  if (!text || text->starts_with("running")) return false;
  unsigned long long sp = 0, pc = 0;
  const auto second = text->rfind(' ');
  const auto first = second == std::string::npos || second == 0 ? std::string::npos : text->rfind(' ', second - 1);
  if (first == std::string::npos || std::sscanf(text->c_str() + first, " %llx %llx", &sp, &pc) != 2) return false;
  into.taken_at = now_ns();
  into.registers = {};
  into.registers.sp = sp;
  into.registers.pc = pc;
  into.size = copy_stack(memory, sp, into.buffer);
  return into.size > 0;
}

}  // namespace sampan

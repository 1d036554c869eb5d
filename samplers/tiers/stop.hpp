// One stopped thread: seized, interrupted, its registers and stack copied, let go at once. A tracer that ends leaves the
// thread running: the kernel detaches.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <vector>

#include "samplers/base/durations.hpp"
#include "samplers/process/memory.hpp"
#include "samplers/process/threads.hpp"
#include "samplers/registers.hpp"

namespace sampan {

enum class Stopped : std::uint8_t {
  Copied,
  Gone,        // the thread has ended
  GroupStop,   // job control holds it
  Traced,      // another tracer holds it, or it may not be traced
  Late,        // it did not stop in time: settle() lets it go once it does
};

struct StackCapture {
  Registers registers;
  std::vector<std::byte> buffer;   // sized by the caller: the most that is copied
  std::size_t size = 0;            // copied from registers.sp up
  std::uint64_t taken_at = 0;      // CLOCK_MONOTONIC, ns
  std::uint64_t stopped_at = 0;    // when it came to its stop
  bool slept = false;              // the tracer gave its processor away while it waited for the stop
  std::uint64_t stopped_ns = 0;    // how long it stood
};

// The calling thread as a tracer: one thread's stop is waited for at a time; what comes to its stop late (it waits for a
// processor) is copied, where that is wanted, and let go at once.
class Tracer {
 public:
  // Called while a thread that was late stands in its stop, since `stopped_at` (CLOCK_MONOTONIC, ns) at the latest; what it
  // returns, if anything, is called as soon as the thread goes on.
  using Standing = std::function<std::function<void()>(pid_t tid, std::uint64_t stopped_at)>;
  explicit Tracer(Standing late = {}) : standing_(std::move(late)) {}

  // Stops a thread for the time of one copy. `wait_ns` bounds the wait for the stop; `meanwhile`, where given, is called
  // with the copy made and the thread still stopped.
  Stopped capture(pid_t tid, Memory& memory, std::uint64_t wait_ns, StackCapture& into, const std::function<void()>& meanwhile = {});
  // Lets go of threads that were late as they come to their stop, until a time (CLOCK_MONOTONIC, ns; 0: only of those that
  // have). True where none is left.
  bool settle(std::uint64_t until = 0);
  // Whether this one was late and has not come to its stop yet: it has not run since.
  bool is_late(pid_t tid) const { return late_.contains(tid); }
  std::size_t late() const { return late_.size(); }
  // The calling thread's processor time (ns) when it last went to sleep in one of the above.
  std::uint64_t lay_down_ns() const { return lay_down_ns_; }
  // Registers and stack of a thread that stands in its stop. False where it has just been killed.
  static bool copy(pid_t tid, Memory& memory, StackCapture& into);
  // The thread that traced was ended by another: the stop that was open counts too.
  void abandon();
  // How long threads stood stopped, from above.
  const Durations& stops() const { return stops_; }

 private:
  int wait_for(pid_t tid, std::uint64_t wait_ns, int& status, StackCapture& into);
  pid_t look(bool blocks);
  bool let_one_go(std::uint64_t until);
  void let_late_go(pid_t tid, int status, std::uint64_t stood_ns);
  std::uint64_t own_waited_ns();   // that the calling thread, the tracer, was ready and waited for a processor

  std::optional<OwnSchedStat> own_;
  Standing standing_;
  std::set<pid_t> late_;           // may be known by another number by now: exec renames
  std::uint64_t lay_down_ns_ = 0;
  std::uint64_t looked_ns_ = 0;    // when those were last known not to have stopped
  Durations stops_;
};

// Since when a thread of a target stands stopped by this agent (CLOCK_MONOTONIC, ns); 0: none does. For any thread to ask.
std::uint64_t open_stop_since();

// Asks the scheduler for short slices of this thread (Linux 6.12; no capability needed), so that it runs at once when it
// wakes: while it waits for a processor, a thread that it has stopped waits too. Older kernels take no notice.
void ask_for_short_slices();

// The same of a thread that sleeps in a system call, without a stop: pc and sp by /proc/TID/syscall. False where it runs.
bool capture_sleeping(pid_t pid, pid_t tid, Memory& memory, StackCapture& into);

}  // namespace sampan

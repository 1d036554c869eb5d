// One stopped thread: seized, interrupted, its registers and stack copied, let go at once. A tracer that dies here
// leaves the thread running: the kernel detaches.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "samplers/process/memory.hpp"
#include "samplers/registers.hpp"

namespace sampan {

enum class Stopped : std::uint8_t {
  Copied,
  Gone,        // the thread has ended
  GroupStop,   // job control holds it
  Traced,      // another tracer holds it, or it may not be traced
  Late,        // it did not stop in time: it stays with release_late()
};

struct StackCapture {
  Registers registers;
  std::vector<std::byte> buffer;   // sized by the caller: the most that is copied
  std::size_t size = 0;            // copied from registers.sp up
  std::uint64_t taken_at = 0;      // CLOCK_MONOTONIC, ns
  std::uint64_t stopped_at = 0;    // when it came to its stop
  std::uint64_t stopped_ns = 0;    // how long it stood
};

// Stops a thread for the time of one copy. `wait_ns` bounds the wait for the stop; `meanwhile`, where given, is called
// with the copy made and the thread still stopped.
Stopped capture_stopped(pid_t tid, Memory& memory, std::uint64_t wait_ns, StackCapture& into,
                        const std::function<void()>& meanwhile = {});

// Asks the scheduler for short slices of this thread (Linux 6.12; no capability needed), so that it runs at once when it
// wakes: while it waits for a processor, a thread that it has stopped waits too. Older kernels take no notice.
void ask_for_short_slices();

// Lets a thread go that was Late; true once it is free (or gone). Never blocks.
bool release_late(pid_t tid);

// The same of a thread that sleeps in a system call, without a stop: pc and sp by /proc/TID/syscall. False where it runs.
bool capture_sleeping(pid_t pid, pid_t tid, Memory& memory, StackCapture& into);

}  // namespace sampan

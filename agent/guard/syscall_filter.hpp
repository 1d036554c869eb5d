// The system calls that are refused after set-up, as a classic BPF program for seccomp.
#pragma once

#include <linux/filter.h>
#include <sys/types.h>

#include <vector>

namespace sampan {

// Refused with EPERM: writing to another process, new processes and programs, signals to others, everything that
// changes the machine, executable memory, listening. `self` may still signal itself (abort). Anything else passes, so
// that a newer libc or kernel does not break the agent. What a filter cannot see are paths: /proc/PID/mem stays to be
// guarded by file permissions.
std::vector<sock_filter> syscall_filter(pid_t self);

}  // namespace sampan

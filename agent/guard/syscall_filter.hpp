// The system calls that stay after set-up: an allow-list of libseccomp's, so that what is not known is refused.
#pragma once

#include <sys/types.h>

namespace sampan {

// Forces the filter upon every thread of the process, and no_new_privs with it; returns 0, or an errno value where the
// kernel does not take it.
// Refused with EPERM is all that sampling and delivery do not use: writing to another process, new processes and
// programs, signals to others (`self` may signal itself: abort), executable memory, serving a port, local sockets, opening
// for writing what is there already: files are created anew or not at all. A new call that the agent comes to need is a
// line of the table in the .cpp.
// What a filter cannot see is what pointers point to: paths, and with them where a new file is made; the flags of
// openat2, which could ask for writing; and what programs bpf() loads.
int install_syscall_filter(pid_t self);

}  // namespace sampan

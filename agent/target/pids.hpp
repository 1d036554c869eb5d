// The pids of a /proc, and what a number that was given as one is where it is no process that can be sampled.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "samplers/base/result.hpp"

namespace sampan {

// Every process, in order; at most a million.
std::vector<pid_t> all_pids(const std::string& proc);

// The process that a thread's id belongs to, itself for a process's; 0 where nothing bears the number. /proc/TID is there for
// every thread, though no listing shows it.
pid_t process_of(pid_t id, const std::string& proc = "/proc");

// The sentence and exit code for a pid that is no target: nothing bears it, or a thread, a zombie, a kernel thread does.
Error why_no_process(pid_t pid, const std::string& proc = "/proc");

}  // namespace sampan

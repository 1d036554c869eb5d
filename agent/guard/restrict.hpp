// Self-restriction: once the parameters are read, the process gives up for good whatever sampling never needs, so that
// a hostile target that takes it over finds little. What the kernel then holds it to, and what it cannot see, stands in
// agent/guard/syscall_filter.hpp.
#pragma once

#include <cstdint>
#include <string>

namespace sampan {

// What restrict_self() came to.
struct Restriction {
  std::uint64_t capabilities = 0;   // kept: bit n is CAP_n of linux/capability.h
  bool filtered = false;            // the system-call filter is in force
  std::string shortfall;            // a sentence where something could not be given up; empty: all done
};

// Drops capabilities, sets no_new_privs, forbids core dumps and installs the system-call filter. Call it before any
// thread starts: capabilities are a thread's own. CAP_DAC_OVERRIDE stays where nothing less can read a target's files or
// write `output_dir`, CAP_SYS_ADMIN where perf events are refused without it (kernel.perf_event_paranoid above 2). Never fails: what a kernel refuses is said in `shortfall`.
// Without `samples` nothing of sampling's own stays.
Restriction restrict_self(const std::string& output_dir, bool samples = true);

}  // namespace sampan

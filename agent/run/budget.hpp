// The agent's own memory: how much it may have, and whether it is near that. A target that makes it grow ends the
// sampling early, with a result, and never the machine's memory.
#pragma once

#include <cstdint>
#include <string>

namespace sampan {

struct MemoryBudget {
  std::uint64_t most = 0;      // bytes
  // True where the agent has half of it: what is left is for drawing and delivering; or where it has most of it together with
  // what the kernel holds for it, which is given back before anything is drawn.
  bool near(std::uint64_t own, std::uint64_t kernel) const { return own >= most / 2 || own + kernel >= most - most / 8; }
};

// `megabytes` as the user asked; 0: four fifths of what the agent's own cgroup allows, at most 1 GiB.
MemoryBudget memory_budget(unsigned megabytes);
// The least limit of the cgroups (v1 or v2) that `cgroup_text`, a /proc/PID/cgroup, names below `mount`; 0: none.
std::uint64_t cgroup_memory_limit(const std::string& cgroup_text, const std::string& mount = "/sys/fs/cgroup");
// Makes allocations beyond the budget fail (std::bad_alloc) in this process; nothing under sanitizers.
void enforce(const MemoryBudget& budget);
// Lifts the soft limit of open files to the hard one: two a thread of a target are kept.
void raise_descriptors();
// One heap for all threads, before any starts: a thread's own would keep what it once had.
void share_one_heap();
// Gives the system back what was freed: what one profile took is not the agent's until the next.
void return_freed_memory();
// What of it is in memory now, bytes (/proc/self/statm).
std::uint64_t resident_bytes();

}  // namespace sampan

// The VM's own list of Java threads: which JavaThread a thread of the system is, its anchor, and its name.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "samplers/java/layout.hpp"

namespace sampan::java {

struct Anchor {
  std::uint64_t sp = 0, pc = 0, fp = 0;   // sp 0: the thread runs Java code, or none at all
  bool operator==(const Anchor&) const = default;
};

struct VmThread {
  std::uint64_t address = 0;        // JavaThread*
  std::uint64_t stack_base = 0;     // the highest address; 0: not known
};

class VmThreads {
 public:
  VmThreads(Memory& memory, const Layout& layout) : memory_(memory), layout_(layout) {}

  // Reads the list again.
  void refresh();
  // By the thread's id in its own PID namespace; nullptr: no Java thread, as of the last refresh.
  const VmThread* find(pid_t inner_tid) const;
  // The anchor now; nothing where it cannot be read.
  std::optional<Anchor> anchor(const VmThread& thread);
  Anchor anchor_at(std::uint64_t address);
  const std::unordered_map<pid_t, VmThread>& all() const { return threads_; }

 private:
  std::vector<std::uint64_t> read_list();

  Memory& memory_;
  const Layout& layout_;
  std::unordered_map<pid_t, VmThread> threads_;
};

}  // namespace sampan::java

// The thread id that libc itself keeps in its thread descriptor (what pthread_self() returns): libc renews it after a
// fork, which interpreters' own copies of it often miss. Its place is no contract, so it is learnt from the process.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <set>
#include <span>

#include "samplers/process/memory.hpp"

namespace sampan {

class PthreadIds {
 public:
  // Learns where the id lies: where most of these descriptors hold one of these ids (in the process's own PID
  // namespace). Not every one must agree: a thread that has just ended may have left its descriptor behind.
  bool learn(Memory& memory, std::span<const std::uint64_t> descriptors, const std::set<pid_t>& inner_tids);
  bool known() const { return offset_ != 0; }
  // The id in the thread's own PID namespace; nothing where it is not known or cannot be read.
  std::optional<pid_t> tid(Memory& memory, std::uint64_t descriptor) const;

 private:
  std::uint64_t offset_ = 0;
};

}  // namespace sampan

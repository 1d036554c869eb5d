// Python's thread states and the operating system's threads that they belong to.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "samplers/process/memory.hpp"
#include "samplers/process/pthread.hpp"
#include "samplers/python/find.hpp"

namespace sampan::python {

// One PyThreadState, with what the last read of it taught about where its frames are.
struct ThreadState {
  std::uint64_t address = 0;
  std::uint64_t interp = 0;
  std::uint64_t thread_id = 0;             // pthread_t
  std::uint64_t cframe = 0;                // 3.11-3.12: the _PyCFrame seen last
  std::uint64_t chunk = 0;                 // 3.11+: the stack chunk seen last,
  std::uint32_t extent = 0;                //   and how much of it to read
  float flicker = 0;                       // how many of its reads found the head changed, of late (0-1)
  std::uint64_t root = 0;                  // the outermost frame seen last
  std::vector<std::uint64_t> scattered;    // frames outside the chunk, the last walk's first,
  std::size_t latest = 0;                  //   this many of them
  std::vector<std::uint64_t> deep;         // such frames of the last deep walk,
  std::unordered_map<std::uint64_t, std::uint32_t> deep_at;   //   and where each is among them
};

class ThreadStates {
 public:
  ThreadStates(const Process& process, const Interpreter& python);

  // The thread's states, outermost first (a thread may run one interpreter inside another); empty: none is known.
  std::span<ThreadState> of(pid_t inner_tid);
  // Reads all lists anew where a head of theirs changed, or in any case.
  void refresh(bool in_any_case);
  std::size_t size() const { return count_; }

 private:
  std::vector<ThreadState> enumerate();
  pid_t inner_tid(const ThreadState& state) const;
  void learn_ids(std::span<const ThreadState> states);
  bool heads_changed();

  const Process& process_;
  const Interpreter& python_;
  const pid_t first_;   // the process's first thread, in its own numbering
  std::unordered_map<pid_t, std::vector<ThreadState>> by_tid_;
  std::vector<std::uint64_t> head_addresses_, heads_;   // of the interpreters' list and of each one's thread states
  PthreadIds pthreads_;
  std::size_t count_ = 0;
};

}  // namespace sampan::python

#include "samplers/python/threads.hpp"

#include <algorithm>
#include <set>

#include "samplers/process/threads.hpp"

namespace sampan::python {
namespace {

constexpr unsigned kMostInterpreters = 1024;
constexpr unsigned kMostThreads = 65'536;

std::set<pid_t> inner_tids(pid_t pid) {
  Threads threads(pid);
  threads.refresh();
  std::set<pid_t> ids;
  for (const auto& [tid, thread] : threads.all()) ids.insert(thread.inner_tid());
  return ids;
}

}  // namespace

ThreadStates::ThreadStates(const Process& process, const Interpreter& python)
    : process_(process), python_(python), first_(Thread(process.id.pid, process.id.pid).inner_tid()) {}

std::span<ThreadState> ThreadStates::of(pid_t inner_tid) {
  const auto found = by_tid_.find(inner_tid);
  return found == by_tid_.end() ? std::span<ThreadState>{} : std::span(found->second);
}

bool ThreadStates::heads_changed() {
  std::vector<std::uint64_t> now(head_addresses_.size());
  std::vector<Read> reads;
  for (std::size_t i = 0; i < now.size(); ++i) reads.push_back({head_addresses_[i], bytes_of(now[i])});
  return process_.memory->read_batch(reads) != reads.size() || now != heads_;
}

void ThreadStates::refresh(bool in_any_case) {
  if (!in_any_case && !head_addresses_.empty() && !heads_changed()) return;
  auto states = enumerate();
  learn_ids(states);
  std::unordered_map<pid_t, std::vector<ThreadState>> fresh;
  for (ThreadState& state : states) {
    const pid_t tid = inner_tid(state);
    auto& list = fresh[tid];
    // Of several states of one thread in one interpreter the newest lives: the others were left behind by a fork.
    if (tid == 0 || (!list.empty() && list.back().interp == state.interp)) continue;
    for (ThreadState& old : of(tid)) {
      if (old.address == state.address && old.thread_id == state.thread_id) state = std::move(old);
    }
    list.push_back(std::move(state));
  }
  // Lists begin with the newest; stacks with the oldest.
  for (auto& [tid, list] : fresh) std::reverse(list.begin(), list.end());
  by_tid_ = std::move(fresh);
  count_ = states.size();
}

std::vector<ThreadState> ThreadStates::enumerate() {
  Memory& memory = *process_.memory;
  const Offsets& o = python_.offsets;
  head_addresses_.assign(1, python_.interpreters_head);
  heads_.assign(1, memory.read_as<std::uint64_t>(python_.interpreters_head));
  std::vector<ThreadState> found;
  std::uint64_t interp = heads_[0];
  for (unsigned i = 0; interp && i < kMostInterpreters; ++i) {
    head_addresses_.push_back(interp + o.interp_threads_head);
    heads_.push_back(memory.read_as<std::uint64_t>(interp + o.interp_threads_head));
    std::uint64_t tstate = heads_.back();
    while (tstate && found.size() < kMostThreads) {
      ThreadState state;
      state.address = tstate;
      std::uint64_t next = 0;
      const Read reads[] = {{tstate + o.tstate_next, bytes_of(next)},
                            {tstate + o.tstate_interp, bytes_of(state.interp)},
                            {tstate + o.tstate_thread_id, bytes_of(state.thread_id)}};
      if (memory.read_batch(reads) != std::size(reads) || state.interp != interp) break;   // freed as we read
      found.push_back(std::move(state));
      tstate = next;
    }
    interp = memory.read_as<std::uint64_t>(interp + o.interp_next);
  }
  return found;
}

// Where a C program forks without telling Python (uWSGI does), the one thread that lives on still bears the parent's
// native_thread_id, and the parent's other threads leave states behind whose stacks new threads may take over. What
// the C library holds in struct pthread is right; of all but the process's first thread, Python's id must agree.
pid_t ThreadStates::inner_tid(const ThreadState& state) const {
  Memory& memory = *process_.memory;
  const auto at = python_.offsets.tstate_native_thread_id;
  const pid_t native = at ? memory.read_as<pid_t>(state.address + at) : 0;
  if (!pthreads_.known()) return native;
  const pid_t tid = pthreads_.tid(memory, state.thread_id).value_or(0);
  return !at || native == tid || tid == first_ ? tid : 0;
}

void ThreadStates::learn_ids(std::span<const ThreadState> states) {
  if (pthreads_.known() || states.empty()) return;
  std::vector<std::uint64_t> descriptors;
  for (const ThreadState& state : states) descriptors.push_back(state.thread_id);
  pthreads_.learn(*process_.memory, descriptors, inner_tids(process_.id.pid));
}

}  // namespace sampan::python

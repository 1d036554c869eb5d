#include "samplers/python/threads.hpp"

#include <algorithm>
#include <set>

#include "samplers/process/threads.hpp"

namespace sampan::python {
namespace {

constexpr unsigned kMostInterpreters = 1024;
constexpr unsigned kMostThreads = 65'536;
constexpr int kPthreadSize = 2048;

// Of `tid` in struct pthread: glibc x86_64 and aarch64, musl x86_64 and aarch64.
constexpr int kTidOffsets[] = {720, 208, 48, 32};

std::set<pid_t> inner_tids(pid_t pid) {
  Threads threads(pid);
  threads.refresh();
  std::set<pid_t> ids;
  for (const auto& [tid, thread] : threads.all()) ids.insert(thread.inner_tid());
  return ids;
}

}  // namespace

std::span<ThreadState> ThreadStates::of(pid_t inner_tid) {
  const auto found = by_tid_.find(inner_tid);
  return found == by_tid_.end() ? std::span<ThreadState>{} : std::span(found->second);
}

bool ThreadStates::heads_changed() {
  std::vector<std::uint64_t> now(head_addresses_.size());
  std::vector<Read> reads;
  for (std::size_t i = 0; i < now.size(); ++i) reads.push_back({head_addresses_[i], std::as_writable_bytes(std::span(&now[i], 1))});
  return process_.memory->read_batch(reads) != reads.size() || now != heads_;
}

void ThreadStates::refresh(bool in_any_case) {
  if (!in_any_case && !head_addresses_.empty() && !heads_changed()) return;
  auto states = enumerate();
  find_tid_offset(states);
  std::unordered_map<pid_t, std::vector<ThreadState>> fresh;
  for (auto& owned : states) {
    ThreadState& state = owned.state;
    for (ThreadState& old : of(owned.inner_tid = inner_tid(state))) {
      if (old.address == state.address && old.thread_id == state.thread_id) state = std::move(old);
    }
    fresh[owned.inner_tid].push_back(std::move(state));
  }
  // Lists begin with the newest; stacks with the oldest.
  for (auto& [tid, list] : fresh) std::reverse(list.begin(), list.end());
  fresh.erase(0);
  by_tid_ = std::move(fresh);
  count_ = states.size();
}

std::vector<ThreadStates::Owned> ThreadStates::enumerate() {
  Memory& memory = *process_.memory;
  const Offsets& o = python_.offsets;
  head_addresses_.assign(1, python_.interpreters_head);
  heads_.assign(1, memory.read_as<std::uint64_t>(python_.interpreters_head));
  std::vector<Owned> found;
  std::uint64_t interp = heads_[0];
  for (unsigned i = 0; interp && i < kMostInterpreters; ++i) {
    head_addresses_.push_back(interp + o.interp_threads_head);
    heads_.push_back(memory.read_as<std::uint64_t>(interp + o.interp_threads_head));
    std::uint64_t tstate = heads_.back();
    while (tstate && found.size() < kMostThreads) {
      ThreadState state;
      state.address = tstate;
      std::uint64_t next = 0;
      const Read reads[] = {{tstate + o.tstate_next, std::as_writable_bytes(std::span(&next, 1))},
                            {tstate + o.tstate_interp, std::as_writable_bytes(std::span(&state.interp, 1))},
                            {tstate + o.tstate_thread_id, std::as_writable_bytes(std::span(&state.thread_id, 1))}};
      if (memory.read_batch(reads) != std::size(reads) || state.interp != interp) break;   // freed as we read
      found.push_back({0, std::move(state)});
      tstate = next;
    }
    interp = memory.read_as<std::uint64_t>(interp + o.interp_next);
  }
  return found;
}

// Python's own native_thread_id goes stale where a C program forks without telling Python (uWSGI does): what the
// C library holds in struct pthread is right. The id Python holds serves only where that layout is not known.
pid_t ThreadStates::inner_tid(const ThreadState& state) const {
  Memory& memory = *process_.memory;
  if (tid_offset_ >= 0) return memory.read_as<pid_t>(state.thread_id + static_cast<unsigned>(tid_offset_));
  const auto native = python_.offsets.tstate_native_thread_id;
  return native ? memory.read_as<pid_t>(state.address + native) : 0;
}

void ThreadStates::find_tid_offset(std::span<const Owned> states) {
  if (tid_offset_ >= 0 || states.empty()) return;
  const auto ids = inner_tids(process_.id.pid);
  // Votes: a thread that has just ended may leave its state behind, so not every one must agree.
  std::vector<int> votes(kPthreadSize / 4);
  std::uint32_t words[kPthreadSize / 4];
  for (const Owned& owned : states.first(std::min<std::size_t>(states.size(), 64))) {
    // The last pages of a stack's mapping may end before 2 KiB are read.
    std::size_t size = sizeof words;
    while (size >= 64 && !process_.memory->read(owned.state.thread_id, std::as_writable_bytes(std::span(words)).first(size))) size /= 2;
    for (std::size_t i = 0; size >= 64 && i < size / 4; ++i) votes[i] += ids.contains(static_cast<pid_t>(words[i]));
  }
  const int most = *std::max_element(votes.begin(), votes.end());
  if (most == 0) return;
  for (const int known : kTidOffsets) {
    if (votes[static_cast<std::size_t>(known / 4)] == most) return void(tid_offset_ = known);
  }
  tid_offset_ = static_cast<int>(std::max_element(votes.begin(), votes.end()) - votes.begin()) * 4;
}

}  // namespace sampan::python

// CPython's walker: its own frames, read from the thread state; nothing is stopped, written or injected.
#include <time.h>

#include <algorithm>

#include "samplers/python/codes.hpp"
#include "samplers/python/find.hpp"
#include "samplers/python/frames.hpp"
#include "samplers/python/threads.hpp"
#include "samplers/sampler.hpp"

namespace sampan {
namespace python {
namespace {

constexpr std::uint64_t kListEvery = 20'000'000;   // ns between looks at the list of thread states
constexpr int kTries = 3;                          // at a stack that is torn
constexpr std::size_t kEnd = 512;                  // frames shown of either end of a deep stack

std::uint64_t coarse_now() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

class PythonWalker final : public Walker {
 public:
  PythonWalker(Process& process, const Interpreter& python, Context& context)
      : memory_(*process.memory),
        python_(python),
        profile_(context.profile),
        threads_(process, python_),
        reader_(memory_, python_.offsets),
        codes_(memory_, python_, context.profile, context.options.lines) {
    threads_.refresh(true);
  }

  Walked walk(const ThreadSnapshot& thread, std::vector<FrameId>& frames) override {
    look_at_list();
    Walked walked = Walked::Failed;
    for (int attempt = 1; attempt <= kTries && walked == Walked::Failed; ++attempt) {
      last_try_ = attempt == kTries;
      walked = walk_states(thread.inner_tid, frames);
      if (stale_) threads_.refresh(true);   // the state has become another thread's
    }
    return walked;
  }

  bool holds_lock(const ThreadSnapshot& thread) override {
    look_at_list();
    const auto states = threads_.of(thread.inner_tid);
    return std::any_of(states.begin(), states.end(), [&](const ThreadState& state) { return holds(state); });
  }

  void refresh() override {
    threads_.refresh(false);
    codes_.trim();
  }

 private:
  // New threads are seen soon, at the cost of one small read now and then.
  void look_at_list() {
    const std::uint64_t now = coarse_now();
    if (now - listed_ < kListEvery) return;
    listed_ = now;
    threads_.refresh(false);
  }

  Walked walk_states(pid_t inner_tid, std::vector<FrameId>& frames) {
    Walked walked = Walked::NoFrames;
    stale_ = false;
    const std::size_t before = frames.size();
    for (ThreadState& state : threads_.of(inner_tid)) {
      const Walked one = walk_state(state, frames);
      if (one == Walked::NoFrames) continue;
      if (one == Walked::Failed) {
        frames.resize(before);
        return one;
      }
      // The worse of the two: Whole < Truncated < Suspect.
      walked = walked == Walked::NoFrames ? one : std::max(walked, one);
    }
    return walked;
  }

  Walked walk_state(ThreadState& state, std::vector<FrameId>& frames) {
    sites_.clear();
    const FramesRead read = reader_.read(state, sites_);
    if (read == FramesRead::None) return Walked::NoFrames;
    stale_ = read == FramesRead::Stale;
    if (stale_ || read == FramesRead::Torn) return Walked::Failed;
    if (codes_may_differ(state)) codes_.verify(sites_);
    const bool truncated = append(frames);
    if (torn_) return Walked::Failed;
    if (read == FramesRead::Changed) return Walked::Suspect;
    return truncated ? Walked::Truncated : Walked::Whole;
  }

  // Appends outermost first; of a deep stack both ends. True where frames were left out.
  bool append(std::vector<FrameId>& frames) {
    torn_ = false;
    const bool deep = sites_.size() > 2 * kEnd;
    for (std::size_t i = sites_.size(); i-- > 0 && !torn_;) {
      if (deep && i == sites_.size() - 1 - kEnd) {
        frames.push_back(profile_.intern({FrameKind::Note, "[truncated]", {}, 0, 0}));
        i = kEnd;
        continue;
      }
      const FrameId id = codes_.frame(sites_[i], last_try_);
      torn_ = id == Profile::kNoFrame;
      frames.push_back(id);
    }
    return deep;
  }

  // From 3.14 on the interpreter counts the code objects that were freed; before, each is looked at again.
  bool codes_may_differ(const ThreadState& state) {
    if (!python_.offsets.interp_code_generation) return true;
    const auto now = memory_.read_as<std::uint64_t>(state.interp + python_.offsets.interp_code_generation);
    return std::exchange(generation_, now + state.interp) != now + state.interp;
  }

  bool holds(const ThreadState& state) {
    const Offsets& o = python_.offsets;
    if (o.tstate_holds_gil && !o.free_threaded) return memory_.read_as<std::int32_t>(state.address + o.tstate_holds_gil) != 0;
    if (o.current_by_symbol) return memory_.read_as<std::uint64_t>(python_.current) == state.address;
    const std::uint64_t gil = o.interp_gil ? memory_.read_as<std::uint64_t>(state.interp + o.interp_gil) : python_.runtime;
    if (o.free_threaded && memory_.read_as<std::int32_t>(gil + o.gil_enabled) == 0) return true;   // there is none
    return memory_.read_as<std::int32_t>(gil + o.gil_locked) == 1 && memory_.read_as<std::uint64_t>(gil + o.gil_holder) == state.address;
  }

  Memory& memory_;
  const Interpreter python_;
  Profile& profile_;
  ThreadStates threads_;
  FrameReader reader_;
  Codes codes_;
  std::vector<FrameSite> sites_;
  std::uint64_t listed_ = coarse_now();
  std::uint64_t generation_ = 0;
  bool torn_ = false, stale_ = false, last_try_ = false;
};

bool matches(const Process& process, Context&) { return bears_python(process); }

Result<std::unique_ptr<Walker>> open(Process& process, Context& context) {
  auto found = find_python(process, context.elfs);
  if (!found) return tl::unexpected(found.error());
  return std::make_unique<PythonWalker>(process, *found, context);
}

}  // namespace
}  // namespace python

Runtime python_runtime() { return {"python", python::matches, python::open, true}; }

}  // namespace sampan

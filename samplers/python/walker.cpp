// CPython's walker: its own frames, read from the thread state; nothing is stopped, written or injected.
#include <algorithm>
#include <optional>
#include <utility>

#include "samplers/base/clock.hpp"
#include "samplers/elf/thread_pointer.hpp"
#include "samplers/python/codes.hpp"
#include "samplers/python/find.hpp"
#include "samplers/python/frames.hpp"
#include "samplers/python/several.hpp"
#include "samplers/python/thread_names.hpp"
#include "samplers/python/threads.hpp"
#include "samplers/sampler.hpp"
#include "samplers/symbols/mixed_stack.hpp"

extern "C" const char python_kernel_walk[], python_kernel_walk_end[];   // python.bpf.c, compiled

namespace sampan {
namespace python {
namespace {

constexpr std::uint64_t kListEvery = 20'000'000;   // ns between looks at the list of thread states
constexpr int kTries = 3;                          // at a stack that is torn
constexpr std::size_t kEnd = 512;                  // frames shown of either end of a deep stack

std::uint64_t coarse_now() { return now_ns(CLOCK_MONOTONIC_COARSE); }

class PythonWalker final : public Walker {
 public:
  PythonWalker(Process& process, const Interpreter& python, Context& context)
      : pid_(process.id.pid),
        memory_(*process.memory),
        python_(python),
        profile_(context.profile),
        threads_(process, python_),
        names_(memory_, python_.offsets),
        reader_(memory_, python_.offsets),
        codes_(memory_, python_, context.profile, context.options.lines),
        descriptor_(descriptor_distance(process, context.elfs)) {
    threads_.refresh(true);
    if (context.options.native) mixed_.emplace(process, context, python_.eval);
  }

  Walked walk(const ThreadSnapshot& thread, std::vector<FrameId>& frames) override {
    const bool held = std::exchange(held_tid_, 0) == thread.inner_tid && thread.inner_tid != 0;
    if (kernel_walks_) return walk_sent(thread, frames);
    if (mixed_) return walk_mixed(thread, held ? held_read_ : FramesRead::None, frames);
    Walked walked = held ? name(held_read_, frames, true) : Walked::Failed;
    look_at_list();
    for (int attempt = 1; attempt <= kTries && walked == Walked::Failed; ++attempt) {
      const FramesRead read = read_states(thread.inner_tid);
      walked = name(read, frames, attempt == kTries);
      if (read == FramesRead::Stale) threads_.refresh(true);   // a state has become another thread's
    }
    return walked;
  }

  bool holds_lock(const ThreadSnapshot& thread) override {
    if (kernel_walks_) return (sent(thread).flags & SAMPAN_PY_GIL) != 0;
    if (held_tid_ == thread.inner_tid && thread.inner_tid != 0) return held_lock_;
    look_at_list();
    return any_holds(thread.inner_tid);
  }

  std::string thread_name(pid_t tid) override {
    const pid_t inner_tid = Thread(pid_, tid).inner_tid();
    if (threads_.of(inner_tid).empty()) threads_.refresh(false);   // one that has just begun
    for (const ThreadState& state : threads_.of(inner_tid)) {
      if (auto name = names_.of(state); !name.empty()) return name;
    }
    return {};
  }

  // The thread stands still: its frames, as exact as can be, wait for walk().
  void observe_stopped(const ThreadSnapshot& thread) override {
    held_tid_ = thread.inner_tid;
    held_read_ = read_states(thread.inner_tid);
    codes_.observe_stopped(sites_);
    held_lock_ = any_holds(thread.inner_tid);
    if (mixed_) mixed_->observe_stopped(thread);
  }

  void refresh() override {
    threads_.refresh(false);
    codes_.trim();
    if (mixed_) mixed_->refresh();
  }

  // From now on frames come from the kernel; of a thread that slept before the first sample they are still read.
  Result<KernelWalk> kernel_walk() override {
    const Offsets& o = python_.offsets;
    if (o.free_threaded) {
      return fail(Exit::CannotSample, "the kernel does not walk free-threaded Python {}.{} yet: tier \"memory\" does", o.version >> 8, o.version & 0xff);
    }
    if (!descriptor_) {
      return fail(Exit::CannotSample, "this C library does not tell where its threads' descriptors are, by which the kernel finds Python's threads: tier \"memory\" does without");
    }
    given_ = {python_.runtime, python_.interpreters_head, python_.current, 0, 0, 0, static_cast<std::uint32_t>(*descriptor_), o};
    given_.frame_bytes = std::max({o.frame_code + 8, o.frame_back + 8, o.frame_position + 8, o.frame_owner + 1, o.frame_is_entry + 1});
    given_.code_from = std::min({o.code_argcount, o.code_flags, o.code_first_line}) & ~7u;
    given_.code_bytes = std::max({o.code_argcount, o.code_flags, o.code_first_line}) + 4 - given_.code_from;
    if (given_.frame_bytes > SAMPAN_PY_MOST_SPAN || given_.code_bytes > SAMPAN_PY_MOST_SPAN) {
      return fail(Exit::CannotSample, "the kernel does not walk frames laid out as these of Python {}.{} are: tier \"memory\" does", o.version >> 8, o.version & 0xff);
    }
    kernel_walks_ = true;
    return KernelWalk{std::as_bytes(std::span(&given_, 1)), mixed_.has_value()};
  }

  void resolve(Profile&) override {
    if (mixed_) mixed_->resolve();
  }

 private:
  // New threads are seen soon, at the cost of one small read now and then.
  void look_at_list() {
    const std::uint64_t now = coarse_now();
    if (now - listed_ < kListEvery) return;
    listed_ = now;
    threads_.refresh(false);
  }

  bool any_holds(pid_t inner_tid) {
    const auto states = threads_.of(inner_tid);
    return std::any_of(states.begin(), states.end(), [&](const ThreadState& state) { return holds(state); });
  }

  // The sites of all the thread's states, innermost first; says the worst of what was read.
  FramesRead read_states(pid_t inner_tid) {
    sites_.clear();
    codes_differ_ = false;
    FramesRead worst = FramesRead::None;
    const auto states = threads_.of(inner_tid);
    for (auto state = states.rbegin(); state != states.rend(); ++state) {
      const FramesRead read = reader_.read(*state, sites_);
      if (read == FramesRead::Stale || read == FramesRead::Torn) return read;
      if (read != FramesRead::None && worst != FramesRead::Cut && worst != FramesRead::Changed) worst = read;
      if (read == FramesRead::Cut) worst = read;
      codes_differ_ |= read != FramesRead::None && codes_may_differ(*state);
    }
    return worst;
  }

  Walked name(FramesRead read, std::vector<FrameId>& frames, bool last_try) {
    if (read == FramesRead::None) return Walked::NoFrames;
    if (read == FramesRead::Stale || read == FramesRead::Torn) return Walked::Failed;
    verify();
    const std::size_t before = frames.size();
    const auto truncated = append(frames, last_try);
    if (!truncated) {
      frames.resize(before);
      return Walked::Failed;
    }
    if (read == FramesRead::Cut) {
      frames.insert(frames.begin() + static_cast<std::ptrdiff_t>(before), this->truncated());
      return Walked::Truncated;
    }
    if (read == FramesRead::Changed) return Walked::Suspect;
    return *truncated ? Walked::Truncated : Walked::Whole;
  }

  static sampan_py_stack sent(const ThreadSnapshot& thread) {
    if (thread.interpreter.size() < sizeof(sampan_py_stack)) return {};
    return read_at<sampan_py_stack>(thread.interpreter, 0);
  }

  // The frames that the kernel sent; of a thread that sleeps, those that stand still in memory.
  Walked walk_sent(const ThreadSnapshot& thread, std::vector<FrameId>& frames) {
    const sampan_py_stack head = sent(thread);
    FramesRead read = FramesRead::None;
    if (thread.registers) {
      read = read_states(thread.inner_tid);
    } else {
      if (head.flags & SAMPAN_PY_TORN) return Walked::Failed;
      take_sent(thread.interpreter, head.frames);
      if (!sites_.empty()) read = FramesRead::Whole;
    }
    const std::size_t before = frames.size();
    const Walked walked = mixed_ ? walk_mixed(thread, read, frames) : name(read, frames, true);
    if (walked != Walked::Whole) return walked;
    if (!(head.flags & SAMPAN_PY_CUT)) return head.frames > SAMPAN_PY_MOST_FRAMES ? Walked::Truncated : Walked::Whole;
    frames.insert(frames.begin() + static_cast<std::ptrdiff_t>(before), truncated());
    return Walked::Truncated;
  }

  // Of a deep stack both ends, between them a site without code.
  void take_sent(Bytes bytes, std::uint32_t count) {
    sites_.clear();
    codes_differ_ = true;
    for (std::uint32_t i = 0; i < count; ++i) {
      if (i == SAMPAN_PY_HALF && count > SAMPAN_PY_MOST_FRAMES) {
        sites_.push_back({});
        i = count - SAMPAN_PY_HALF;
      }
      const std::size_t slot = i < SAMPAN_PY_HALF ? i : SAMPAN_PY_HALF + i % SAMPAN_PY_HALF;
      const std::size_t at = sizeof(sampan_py_stack) + slot * sizeof(sampan_py_frame);
      if (at + sizeof(sampan_py_frame) > bytes.size()) return;
      const auto frame = read_at<sampan_py_frame>(bytes, at);
      const auto lasti = std::int64_t{static_cast<std::int32_t>(frame.position)};
      const auto position = python_.offsets.position == SAMPAN_PY_INSTR_POINTER ? static_cast<std::int64_t>(frame.position)
                            : python_.offsets.position == SAMPAN_PY_LASTI_UNITS ? lasti * 2 : lasti;
      sites_.push_back({frame.address & ~std::uint64_t{1}, frame.code, position, 0, (frame.address & 1) != 0, true, frame.check, frame.argument});
    }
  }

  // The machine's frames with Python's in their places; a thread without Python is shown by its machine frames alone.
  Walked walk_mixed(const ThreadSnapshot& thread, FramesRead read, std::vector<FrameId>& frames) {
    if (read == FramesRead::None || read == FramesRead::Stale || read == FramesRead::Torn) sites_.clear();
    verify();
    ids_.clear();
    for (const FrameSite& site : sites_) ids_.push_back(frame_of(site, true));
    if (std::find(ids_.begin(), ids_.end(), Profile::kNoFrame) != ids_.end()) return Walked::Failed;
    const std::size_t before = frames.size();
    split();
    Walked walked = mixed_->weave(thread, ids_, segments_, frames);
    if (frames.size() - before <= 2 * kEnd) return walked;
    const auto cut = frames.begin() + static_cast<std::ptrdiff_t>(before + kEnd);
    frames.erase(cut + 1, frames.end() - static_cast<std::ptrdiff_t>(kEnd));
    *cut = truncated();
    return Walked::Truncated;
  }

  // One segment for each call of the loop.
  void split() {
    segments_.clear();
    std::size_t begin = 0;
    for (std::size_t i = 0; i < sites_.size(); ++i) {
      if (!sites_[i].entry && i + 1 != sites_.size()) continue;
      segments_.push_back({begin, i + 1});
      begin = i + 1;
    }
  }

  FrameId frame_of(const FrameSite& site, bool last_try) { return site.code ? codes_.frame(site, last_try) : truncated(); }

  // What the kernel sent is looked at many samples at once: one look at each code object does for those.
  void verify() {
    const Offsets& o = python_.offsets;
    const bool no_entry = o.boundary_owner != 255 && !o.tstate_base_frame && !sites_.empty() && !sites_.back().entry;
    for (FrameSite& site : sites_) site.placed = !no_entry;
    if (!codes_differ_) return;
    const std::uint64_t now = kernel_walks_ ? coarse_now() : 0;
    codes_.verify(sites_, now == 0 || now != std::exchange(verified_, now));
  }

  FrameId truncated() { return profile_.intern({FrameKind::Note, "[truncated]", {}, 0, 0}); }

  // Appends outermost first; of a deep stack both ends. True where frames were left out, nothing where one is torn.
  std::optional<bool> append(std::vector<FrameId>& frames, bool last_try) {
    const bool deep = sites_.size() > 2 * kEnd;
    for (std::size_t i = sites_.size(); i-- > 0;) {
      if (deep && i == sites_.size() - 1 - kEnd) {
        frames.push_back(truncated());
        i = kEnd;
        continue;
      }
      const FrameId id = frame_of(sites_[i], last_try);
      if (id == Profile::kNoFrame) return {};
      frames.push_back(id);
    }
    return deep;
  }

  // From 3.14 on the interpreter counts the code objects that were freed; before, each is looked at again.
  bool codes_may_differ(const ThreadState& state) {
    if (!python_.offsets.interp_code_generation) return true;
    const std::uint64_t now = reader_.code_generation() + state.interp;
    return std::exchange(generation_, now) != now;
  }

  bool holds(const ThreadState& state) {
    const Offsets& o = python_.offsets;
    if (o.tstate_holds_gil && !o.free_threaded) return memory_.read_as<std::int32_t>(state.address + o.tstate_holds_gil) != 0;
    if (o.current_by_symbol) return memory_.read_as<std::uint64_t>(python_.current) == state.address;
    const std::uint64_t gil = o.interp_gil ? memory_.read_as<std::uint64_t>(state.interp + o.interp_gil) : python_.runtime;
    if (o.free_threaded && memory_.read_as<std::int32_t>(gil + o.gil_enabled) == 0) return true;   // there is none
    return memory_.read_as<std::int32_t>(gil + o.gil_locked) == 1 && memory_.read_as<std::uint64_t>(gil + o.gil_holder) == state.address;
  }

  const pid_t pid_;
  Memory& memory_;
  const Interpreter python_;
  Profile& profile_;
  ThreadStates threads_;
  ThreadNames names_;
  FrameReader reader_;
  Codes codes_;
  const std::optional<std::uint64_t> descriptor_;   // bytes from a thread's descriptor to its thread pointer
  std::optional<MixedStack> mixed_;         // options.native
  std::vector<FrameSite> sites_;
  std::vector<FrameId> ids_;
  std::vector<MixedStack::Segment> segments_;
  std::uint64_t listed_ = coarse_now();
  std::uint64_t generation_ = 0;
  std::uint64_t verified_ = 0;              // when code objects were last looked at, of a walk in the kernel
  bool codes_differ_ = false;
  pid_t held_tid_ = 0;                      // whose sites observe_stopped() left in sites_
  FramesRead held_read_ = FramesRead::None;
  bool held_lock_ = false;
  bool kernel_walks_ = false;
  sampan_py_process given_{};               // to the kernel
};

bool matches(const Process& process, Context&) { return bears_python(process); }

Result<std::unique_ptr<Walker>> open(Process& process, Context& context) {
  auto found = find_pythons(process, context.elfs);
  if (!found) return tl::unexpected(found.error());
  std::vector<std::unique_ptr<Walker>> walkers;
  for (const Interpreter& one : *found) walkers.push_back(std::make_unique<PythonWalker>(process, one, context));
  if (walkers.size() == 1) return std::move(walkers.front());
  return several(std::move(walkers));
}

}  // namespace
}  // namespace python

Runtime python_runtime() { return {"python", python::matches, python::open, true, std::as_bytes(std::span(python_kernel_walk, python_kernel_walk_end)), true}; }

}  // namespace sampan

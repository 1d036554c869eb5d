#include "samplers/ruby/walker.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace sampan::ruby {
namespace {

constexpr std::size_t kMostBytes = std::size_t{1} << 20;   // of control frames and of values, a sample
constexpr std::uint64_t kMostWords = std::uint64_t{1} << 28;
constexpr int kMostEnvironments = 64;
constexpr std::uint64_t kSlackFrames = 8;
constexpr std::uint64_t kSlackBytes = 1024;

constexpr std::uint64_t kLocal = 2;                        // VM_ENV_FLAG_LOCAL in word 0 of an environment
constexpr std::uint32_t kDuringGc = 1u << 5;               // rb_objspace.flags

}  // namespace

RubyWalker::RubyWalker(Context& context, std::unique_ptr<Vm> vm, pid_t inner_pid)
    : context_(context), vm_(std::move(vm)), memory_(vm_->memory), layout_(vm_->layout), names_(context, *vm_), inner_pid_(inner_pid) {
  garbage_ = context_.profile.intern({.kind = FrameKind::Ruby, .name = "[garbage collection]", .file = {}});
  cut_note_ = context_.profile.intern({.kind = FrameKind::Note, .name = "[truncated]", .file = {}});
  space_ = memory_.read_as<std::uint64_t>(vm_->address + layout_.vm.objspace);
  std::uint32_t flags = 0;
  if (!is_object(space_) || !memory_.read_into(space_ + layout_.vm.collecting, flags)) space_ = 0;
  list();
}

void RubyWalker::refresh() {
  foreign_.clear();
  names_.refresh();
  list();
}

void RubyWalker::list() {
  const auto threads = list_threads(*vm_);
  if (!threads.empty() && !pthreads_.known()) pthreads_.learn(memory_, {&threads.front().descriptor, 1}, {inner_pid_});
  std::unordered_map<pid_t, Known> fresh;
  for (const RubyThread& thread : threads) {
    const pid_t tid = pthreads_.tid(memory_, thread.descriptor).value_or(thread.tid);
    if (tid <= 0) continue;
    Known& known = fresh[tid];
    if (const auto old = threads_.find(tid); old != threads_.end() && old->second.thread.address == thread.address) known = old->second;
    known.thread = thread;
  }
  threads_ = std::move(fresh);
}

RubyWalker::Known* RubyWalker::find(pid_t inner_tid) {
  if (foreign_.contains(inner_tid)) return nullptr;
  auto found = threads_.find(inner_tid);
  if (found == threads_.end()) {
    list();
    found = threads_.find(inner_tid);
  }
  if (found != threads_.end()) return &found->second;
  foreign_.insert(inner_tid);
  return nullptr;
}

bool RubyWalker::learn_stack(Known& known) {
  if (!read_thread(*vm_, known.thread) || !is_object(known.thread.context)) return false;
  Head head;
  if (!memory_.read_into(known.thread.context, head)) return false;
  if (!is_object(head.stack) || head.words == 0 || head.words > kMostWords) return false;
  if (head.frame < head.stack || head.frame > head.stack + head.words * 8 || head.frame % 8 != 0) return false;
  if (head.stack != known.head.stack) known.values_end = 0;
  known.head = head;
  return true;
}

// The thread's structure, its context's head, its live control frames and values, and the head again, in one call. Again
// only where the stack is another (a fiber's) or deeper than was guessed from the last sample.
Walked RubyWalker::read_stack(Known& known) {
  if (known.head.stack == 0 && !learn_stack(known)) return Walked::NoFrames;
  for (int attempt = 0; attempt < 4; ++attempt) {
    const RubyThread& thread = known.thread;
    const std::uint64_t end = known.stack_end();
    const std::uint64_t slack = kSlackFrames * layout_.frame_size;
    frames_start_ = std::max(known.head.stack, known.head.frame - std::min(slack, known.head.frame - known.head.stack));
    cut_ = end - frames_start_ > kMostBytes;
    frames_read_.resize(std::min<std::uint64_t>(end - frames_start_, kMostBytes));
    values_start_ = known.head.stack;
    values_.resize(std::min<std::uint64_t>({known.values_end == 0 ? kSlackBytes : known.values_end - values_start_ + kSlackBytes,
                                            kMostBytes, end - values_start_}) / 8);
    std::array<std::uint64_t, 8> own{};
    Head before{}, after{};
    std::uint64_t running = 0;
    std::uint32_t garbage = 0;
    const Read reads[] = {
        {thread.address, bytes_of(own)}, {thread.context, bytes_of(before)}, {frames_start_, frames_read_},
        {values_start_, std::as_writable_bytes(std::span(values_))}, {thread.context, bytes_of(after)},
        {thread.running == 0 ? thread.address : thread.running, bytes_of(running)},
        {space_ == 0 ? thread.address : space_ + layout_.vm.collecting, bytes_of(garbage)}};
    const bool whole = memory_.read_batch(reads) == std::size(reads);
    const bool same = whole && own[layout_.thread.ec / 8] == thread.context && own[layout_.thread.vm / 8] == vm_->address &&
                      (layout_.thread.native == kNone || own[layout_.thread.native / 8] == thread.native) &&
                      before.stack == known.head.stack && before.words == known.head.words;
    if (!same) {
      const std::uint64_t native = thread.native;
      if (!learn_stack(known) || known.thread.native != native) return Walked::NoFrames;
      continue;
    }
    if (before.frame % 8 != 0 || before.frame < before.stack || before.frame > end) return Walked::Failed;
    const bool deeper = before.frame < frames_start_;
    known.head.frame = before.frame;
    if (deeper) continue;
    collecting_ = space_ != 0 && (garbage & kDuringGc) && (running == thread.context || running == thread.address);
    return before.frame == after.frame ? Walked::Whole : Walked::Suspect;
  }
  return Walked::Failed;
}

void RubyWalker::collect(Known& known) {
  stack_.clear();
  known.values_end = 0;
  const Bytes bytes = frames_read_;
  for (std::size_t at = known.head.frame - frames_start_; at + layout_.frame_size <= bytes.size(); at += layout_.frame_size) {
    ControlFrame frame;
    frame.pc = read_at<std::uint64_t>(bytes, at);
    frame.iseq = read_at<std::uint64_t>(bytes, at + 16);
    frame.ep = read_at<std::uint64_t>(bytes, at + 32);
    if (layout_.frame_jit_return != kNone) frame.jit_return = read_at<std::uint64_t>(bytes, at + layout_.frame_jit_return);
    if (frame.ep >= known.head.stack && frame.ep < known.stack_end()) known.values_end = std::max(known.values_end, frame.ep + 8);
    stack_.push_back(frame);
  }
}

const std::uint64_t* RubyWalker::environment(const Known& known, std::uint64_t ep) const {
  if (ep % 8 != 0 || ep < known.head.stack + 16) return nullptr;
  const std::uint64_t index = (ep - values_start_) / 8;
  return index < values_.size() ? values_.data() + index : nullptr;
}

// Takes what an environment says of the frame; returns the next one out, or 0 where the frame's method is known.
std::uint64_t RubyWalker::follow(ControlFrame& frame, const std::uint64_t* environment, bool first) {
  if (first) frame.kind = environment[0];
  const std::uint64_t word = environment[-2];
  const bool local = environment[0] & kLocal;
  if (!local && !names_.is_method(word)) return environment[-1] & ~std::uint64_t{3};
  frame.method = word;
  frame.own_method = first;
  return 0;
}

// Blocks' environments chain to their method's. Those that outlived their stack lie in the heap: one call fetches a
// level of them for all frames.
void RubyWalker::resolve_methods(Known& known) {
  struct Pending {
    ControlFrame* frame;
    std::uint64_t ep;
    bool first;
    std::array<std::uint64_t, 3> words;
  };
  std::vector<Pending> pending;
  for (ControlFrame& frame : stack_) {
    std::uint64_t ep = frame.ep;
    bool first = true;
    for (int i = 0; i < kMostEnvironments && ep != 0; ++i) {
      const std::uint64_t* words = environment(known, ep);
      if (!words) {
        if (is_object(ep)) pending.push_back({&frame, ep, first, {}});
        break;
      }
      ep = follow(frame, words, first);
      first = false;
    }
  }
  std::vector<Read> reads;
  for (int i = 0; i < kMostEnvironments && !pending.empty(); ++i) {
    reads.clear();
    for (Pending& p : pending) reads.push_back({p.ep - 16, bytes_of(p.words)});
    memory_.read_each(reads);   // what cannot be read is zero: that frame's method stays unknown
    std::erase_if(pending, [&](Pending& p) {
      const std::uint64_t* words = p.words.data() + 2;
      for (int depth = 0; words && depth < kMostEnvironments; ++depth) {
        p.ep = follow(*p.frame, words, std::exchange(p.first, false));
        words = p.ep == 0 ? nullptr : environment(known, p.ep);
      }
      return !is_object(p.ep);
    });
  }
}

// The thread's control frames with their methods, as they are now.
Walked RubyWalker::read_frames(Known& known) {
  stack_.clear();
  gap_ = kNoGap;
  const Walked walked = read_stack(known);
  if (walked != Walked::Whole && walked != Walked::Suspect) return walked;
  collect(known);
  resolve_methods(known);
  return walked;
}

// Of a thread that is not known yet the next sample is the first: to list them all takes longer than a stop may.
void RubyWalker::observe_stopped(const ThreadSnapshot& thread) {
  const auto known = threads_.find(thread.inner_tid);
  if (known == threads_.end()) return;
  held_read_ = read_frames(known->second);
  held_lock_ = holds(known->second);
  held_tid_ = thread.inner_tid;
}

Walked RubyWalker::walk(const ThreadSnapshot& thread, std::vector<FrameId>& frames) {
  const bool held = std::exchange(held_tid_, 0) == thread.inner_tid && thread.inner_tid != 0;
  if (kernel_walks_ && !thread.registers) return append(read_sent(thread.interpreter), frames);   // else it sleeps
  if (held && held_read_ != Walked::NoFrames) return append(held_read_, frames);
  if (held) list();                           // its structure is another thread's by now
  Known* known = find(thread.inner_tid);
  if (!known) return Walked::NoFrames;
  if (thread.registers && thread.fp_known) return Walked::Failed;   // it stood, and runs on since
  Walked walked = read_frames(*known);
  if (walked == Walked::NoFrames) {
    list();
    known = find(thread.inner_tid);
    walked = known ? read_frames(*known) : Walked::NoFrames;
  }
  return append(walked, frames);
}

// The frames that the kernel sent; of a deep stack both ends, with a gap between them.
Walked RubyWalker::read_sent(Bytes sent) {
  stack_.clear();
  gap_ = kNoGap;
  if (sent.size() < sizeof(sampan_ruby_stack)) return Walked::NoFrames;
  const auto head = read_at<sampan_ruby_stack>(sent, 0);
  if (head.flags & SAMPAN_RUBY_TORN) return Walked::Failed;
  cut_ = (head.flags & SAMPAN_RUBY_CUT) != 0;
  collecting_ = (head.flags & SAMPAN_RUBY_COLLECTING) != 0;
  for (std::uint32_t i = 0; i < head.frames; ++i) {
    if (i == SAMPAN_RUBY_HALF && head.frames > SAMPAN_RUBY_MOST_FRAMES) {
      gap_ = stack_.size();
      stack_.push_back({});
      i = head.frames - SAMPAN_RUBY_HALF;
    }
    const std::size_t slot = i < SAMPAN_RUBY_HALF ? i : SAMPAN_RUBY_HALF + i % SAMPAN_RUBY_HALF;
    const std::size_t at = sizeof(sampan_ruby_stack) + slot * sizeof(sampan_ruby_frame);
    if (at + sizeof(sampan_ruby_frame) > sent.size()) return Walked::Failed;
    const auto frame = read_at<sampan_ruby_frame>(sent, at);
    stack_.push_back({frame.pc, frame.iseq, 0, frame.flags & SAMPAN_RUBY_COMPILED, frame.kind, frame.method, (frame.flags & SAMPAN_RUBY_OWN_METHOD) != 0, true});
  }
  return Walked::Whole;
}

// From now on frames come from the kernel; of a thread that slept before the first sample they are still read.
Result<KernelWalk> RubyWalker::kernel_walk() {
  if (!vm_->descriptor) {
    return fail(Exit::CannotSample, "this C library does not tell where its threads' descriptors are, by which the kernel finds Ruby's threads: tier \"memory\" does without");
  }
  const Layout& at = layout_;
  given_ = {.vm = vm_->address, .space = space_, .descriptor = static_cast<std::uint32_t>(*vm_->descriptor), .collecting = at.vm.collecting,
            .vm_threads = at.vm.threads, .ractor_node = at.ractor.node, .ractor_threads = at.ractor.threads, .ractor_running = at.ractor.running,
            .thread_vm = at.thread.vm, .thread_ec = at.thread.ec, .thread_native = at.thread.native, .thread_descriptor = at.thread.descriptor,
            .ec_thread = at.ec_thread, .frame_size = at.frame_size, .frame_jit_return = at.frame_jit_return, .padding = 0};
  kernel_walks_ = true;
  return KernelWalk{std::as_bytes(std::span(&given_, 1)), false};
}

Walked RubyWalker::append(Walked read, std::vector<FrameId>& frames) {
  if (read != Walked::Whole && read != Walked::Suspect) return read;
  const std::size_t before = frames.size();
  if (cut_) frames.push_back(cut_note_);
  for (std::size_t i = stack_.size(); i-- > 0;) {
    const FrameId id = i == gap_ ? cut_note_ : names_.of(stack_[i], i == 0);
    if (id != Profile::kNoFrame) frames.push_back(id);
  }
  if (collecting_) frames.push_back(garbage_);
  if (frames.size() == before) return Walked::NoFrames;
  return cut_ || gap_ != kNoGap ? Walked::Truncated : read;
}

bool RubyWalker::holds(const Known& known) {
  if (known.thread.running == 0) return false;
  const auto running = memory_.read_as<std::uint64_t>(known.thread.running);
  return running == known.thread.context || running == known.thread.address;
}

bool RubyWalker::holds_lock(const ThreadSnapshot& thread) {
  if (kernel_walks_ && !thread.registers) return (read_at<sampan_ruby_stack>(thread.interpreter, 0).flags & SAMPAN_RUBY_LOCK) != 0;
  if (held_tid_ == thread.inner_tid && thread.inner_tid != 0) return held_lock_;
  const Known* known = find(thread.inner_tid);
  return known && holds(*known);
}

}  // namespace sampan::ruby

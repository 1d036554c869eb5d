#include "samplers/php/walker.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace sampan::php {
namespace {

constexpr std::size_t kMostCalls = 4096, kMostGenerators = 64;
constexpr std::size_t kMostBytes = std::size_t{1} << 20;
constexpr std::uint64_t kSlackBytes = 1024;
constexpr std::uint64_t kWindow = 8192;   // read at once of a stack's older pages
constexpr std::uint64_t kTopBefore = 16;  // vm_stack_top, vm_stack_end, vm_stack
constexpr std::uint32_t kMostSlots = 64;  // of TSRM's table, that the kernel looks through: there is one but where a program asks for more

}  // namespace

PhpWalker::PhpWalker(Context& context, Php php, pid_t inner_pid, const Process* process)
    : context_(context), php_(std::move(php)), functions_(php_.memory, php_.layout), inner_pid_(inner_pid) {
  truncated_ = context_.profile.intern({.kind = FrameKind::Note, .name = "[truncated]", .file = {}});
  freed_ = context_.profile.intern({.kind = FrameKind::Note, .name = "[function freed since]", .file = {}});
  if (process && context_.options.native) mixed_.emplace(*process, context_, php_.loop);
  refresh();
}

void PhpWalker::resolve(Profile&) {
  if (mixed_) mixed_->resolve();
}

void PhpWalker::refresh() {
  if (mixed_) mixed_->refresh();
  if (!php_.thread_safe && !globals_.empty()) return;
  std::map<pid_t, Globals> fresh;
  for (const auto& [tid, address] : list_globals(php_, pthreads_, inner_pid_)) {
    const auto old = globals_.find(tid);
    fresh[tid] = old != globals_.end() && old->second.address == address ? old->second : Globals{address, 0, 0};
  }
  globals_ = std::move(fresh);
}

// The head, the stack's page as far as it was live last, and the head again, in one call; again where it lives elsewhere now.
bool PhpWalker::read_stack(Globals& globals, std::uint64_t& innermost, bool& changed) {
  const Layout& at = php_.layout;
  const std::size_t current = (at.current_execute_data - at.vm_stack + kTopBefore) / 8;
  for (int attempt = 0; attempt < 3; ++attempt) {
    Head before{}, after{};
    const std::uint64_t head = globals.address + at.vm_stack - kTopBefore;
    const auto into = [&](Head& words) { return std::as_writable_bytes(std::span(words.words, current + 1)); };
    stack_start_ = globals.page == 0 ? head : globals.page;
    stack_.resize(globals.page == 0 ? 0 : std::min<std::uint64_t>(globals.top - globals.page + kSlackBytes, kMostBytes));
    const std::array<Read, 3> reads{Read{head, into(before)}, Read{stack_start_, stack_}, Read{head, into(after)}};
    if (php_.memory.read_batch(reads) != reads.size()) {
      if (globals.page == 0) return false;
      globals.page = 0;   // freed with its request: then the head alone is read
      continue;
    }
    innermost = before.words[current];
    changed = innermost != after.words[current];
    if (innermost == 0) return true;
    const std::uint64_t top = before.words[0], end = before.words[1], page = before.words[2];
    if (!is_pointer(page) || top < page || top > end || !is_pointer(innermost)) return false;
    const bool covered = page == globals.page && innermost + kFrameSize <= stack_start_ + stack_.size();
    const bool elsewhere = innermost < page || innermost >= end;   // a generator's frame
    globals.page = page;
    globals.top = std::max(top, innermost < end && innermost >= page ? innermost + kFrameSize : top);
    if (covered || (elsewhere && page == stack_start_)) return true;
  }
  return true;   // its frames are read one by one
}

// Follows the frames from the innermost on; false where the chain breaks or is longer than is read.
bool PhpWalker::collect(std::uint64_t innermost) {
  calls_.clear();
  std::size_t visited = 0;   // a frame may hold no call at all: only this ends a ring of such
  for (std::uint64_t at = innermost; at != 0; ) {
    if (!is_pointer(at) || ++visited > kMostCalls || calls_.size() >= kMostCalls) return false;
    if (at < stack_start_ || at - stack_start_ > stack_.size() || stack_.size() - (at - stack_start_) < kFrameSize) {
      // Older frames lie below: a window that ends with this one.
      stack_start_ = at + kFrameSize - kWindow;
      stack_.resize(kWindow);
      if (!php_.memory.read(stack_start_, stack_)) {
        stack_start_ = at;
        stack_.resize(kFrameSize);
        if (!php_.memory.read(stack_start_, stack_)) return false;
      }
    }
    const Bytes frame = Bytes(stack_).subspan(at - stack_start_, kFrameSize);
    const auto function = read_at<std::uint64_t>(frame, kFrameFunction);
    if (is_pointer(function)) calls_.push_back({function, read_at<std::uint64_t>(frame, kFrameOpline), 0, 0, nullptr, (read_at<std::uint32_t>(frame, kFrameThisType) >> php_.layout.entry_bit & 1) != 0});
    else if (read_at<std::uint8_t>(frame, kFrameThisType) == SAMPAN_PHP_OBJECT) collect_generators(read_at<std::uint64_t>(frame, kFrameThis));
    at = read_at<std::uint64_t>(frame, kFramePrevious);
  }
  return true;
}

// A frame without a function stands for generators that delegate (`yield from`): from the one that is iterated over, by
// its parents, to the one that runs, whose frame was met already.
void PhpWalker::collect_generators(std::uint64_t outermost) {
  const std::size_t before = calls_.size();
  for (std::uint64_t at = outermost; is_pointer(at) && calls_.size() - before < kMostGenerators;) {
    std::uint64_t frame = 0, parent = 0;
    std::array<std::uint64_t, 4> words{};
    if (!php_.memory.read_into(at + php_.layout.generator_frame, frame) || !is_pointer(frame)) break;
    if (!php_.memory.read_into(at + php_.layout.generator_frame + kGeneratorParent, parent) || parent == 0) break;
    if (!php_.memory.read(frame, std::as_writable_bytes(std::span(words))) || !is_pointer(words[kFrameFunction / 8])) break;
    calls_.push_back({words[kFrameFunction / 8], words[kFrameOpline / 8], 0, 0, nullptr, false});
    at = parent;
  }
  std::reverse(calls_.begin() + static_cast<std::ptrdiff_t>(before), calls_.end());
}

// Where the VM's loop is in a frame that it runs, as the registers of a thread that stands have it; 0: it runs another.
std::uint64_t PhpWalker::running_opline(const Registers& registers, std::uint64_t frame) const {
  const bool runs = std::any_of(php_.loop.begin(), php_.loop.end(), [&](const AddressRange& range) { return registers.pc >= range.start && registers.pc < range.end; });
  return runs && registers.general[php_.registers.frame] == frame ? registers.general[php_.registers.opline] : 0;
}

// The calls of a thread as they are now, each with its function and line; with the registers of one that stands.
Walked PhpWalker::read_calls(pid_t inner_tid, const Registers* registers) {
  calls_.clear();
  const auto globals = globals_.find(inner_tid);
  if (globals == globals_.end()) return Walked::NoFrames;
  std::uint64_t innermost = 0;
  bool changed = false, whole = false;
  for (int attempt = 0; attempt < 3; ++attempt) {
    if (!read_stack(globals->second, innermost, changed)) return Walked::Failed;
    if (innermost == 0) return Walked::NoFrames;
    whole = collect(innermost);
    if (calls_.empty()) return whole ? Walked::NoFrames : Walked::Failed;
    if (const std::uint64_t running = registers ? running_opline(*registers, innermost) : 0) calls_.front().opline = running;
    functions_.check(calls_);
    // A chain that changed and does not end in a script's own code was read while its last link was written.
    if (!changed || (whole && calls_.back().known->script())) break;
  }
  if (!whole) calls_.push_back({});
  if (!whole) return Walked::Truncated;
  return changed ? Walked::Suspect : Walked::Whole;
}

// The frames that the kernel sent; of a deep stack both ends, between them a call without a function.
Walked PhpWalker::read_sent(Bytes sent) {
  calls_.clear();
  if (sent.size() < sizeof(sampan_php_stack)) return Walked::NoFrames;
  const auto head = read_at<sampan_php_stack>(sent, 0);
  if (head.flags & SAMPAN_PHP_TORN) return Walked::Failed;
  const bool deep = head.frames > SAMPAN_PHP_MOST_FRAMES;
  std::size_t delegating = 0;   // generators, outermost first
  for (std::uint32_t i = 0; i < head.frames; ++i) {
    if (i == SAMPAN_PHP_HALF && deep) {
      calls_.push_back({});
      delegating = 0;
      i = head.frames - SAMPAN_PHP_HALF;
    }
    const std::size_t slot = i < SAMPAN_PHP_HALF ? i : SAMPAN_PHP_HALF + i % SAMPAN_PHP_HALF;
    const std::size_t at = sizeof(sampan_php_stack) + slot * sizeof(sampan_php_frame);
    if (at + sizeof(sampan_php_frame) > sent.size()) return Walked::Failed;
    const auto frame = read_at<sampan_php_frame>(sent, at);
    delegating = frame.flags & SAMPAN_PHP_DELEGATES ? delegating + 1 : 0;
    calls_.insert(calls_.end() - static_cast<std::ptrdiff_t>(delegating == 0 ? 0 : delegating - 1),
                  {frame.function, 0, frame.line, frame.check, nullptr, (frame.flags & SAMPAN_PHP_ENTRY) != 0});
  }
  if (calls_.empty()) return Walked::NoFrames;
  functions_.recall(calls_);
  if (head.flags & SAMPAN_PHP_CUT) calls_.push_back({});
  return deep || (head.flags & SAMPAN_PHP_CUT) ? Walked::Truncated : Walked::Whole;
}

// The machine's frames with PHP's in their places, one segment for each call of the VM's loop; a thread without PHP is shown by
// its machine frames alone.
Walked PhpWalker::weave(const ThreadSnapshot& thread, Walked read, std::vector<FrameId>& frames) {
  if (read == Walked::NoFrames || read == Walked::Failed) calls_.clear();
  ids_.clear();
  segments_.clear();
  std::size_t begin = 0;
  for (std::size_t i = 0; i < calls_.size(); ++i) {
    const bool outermost = i + 1 == calls_.size();
    if (const FrameId id = name(calls_[i], outermost); id != Profile::kNoFrame) ids_.push_back(id);
    const bool entry = calls_[i].entry && calls_[i].known && calls_[i].known->user();
    if (entry || outermost) segments_.push_back({std::exchange(begin, ids_.size()), ids_.size()});
  }
  const Walked walked = mixed_->weave(thread, ids_, segments_, frames);
  return walked == Walked::Whole && read != Walked::NoFrames && read != Walked::Failed ? read : walked;
}

Walked PhpWalker::append(Walked read, std::vector<FrameId>& frames) {
  if (read == Walked::NoFrames || read == Walked::Failed) return read;
  for (std::size_t i = calls_.size(); i-- > 0;) {
    const FrameId id = name(calls_[i], i + 1 == calls_.size());
    if (id != Profile::kNoFrame) frames.push_back(id);
  }
  return read;
}

void PhpWalker::observe_stopped(const ThreadSnapshot& thread) {
  held_read_ = read_calls(thread.inner_tid, thread.registers);
  held_tid_ = thread.inner_tid;
  if (mixed_) mixed_->observe_stopped(thread);
}

// From now on frames come from the kernel; of a thread that slept before the first sample they are still read.
Result<KernelWalk> PhpWalker::kernel_walk() {
  const Layout& at = php_.layout;
  if (php_.thread_safe && !php_.descriptor) {
    return fail(Exit::CannotSample, "this C library does not tell where its threads' descriptors are, by which the kernel finds PHP's threads: tier \"memory\" does without");
  }
  if (php_.thread_safe && php_.table == 0) return fail(Exit::CannotSample, "PHP's table of threads is not to be found: tier \"memory\" or \"ptrace\" says more");
  const auto loop = [&](std::size_t i) { return i < php_.loop.size() ? php_.loop[i] : AddressRange{}; };
  given_ = {{{loop(0).start, loop(0).end}, {loop(1).start, loop(1).end}}, php_.globals, php_.table, php_.thread_safe ? kMostSlots : 0, static_cast<std::uint32_t>(php_.descriptor.value_or(0)),
            at.current_execute_data, at.filename, at.generator_frame, at.entry_bit, php_.registers, 0};
  kernel_walks_ = true;
  return KernelWalk{std::as_bytes(std::span(&given_, 1)), mixed_.has_value()};
}

Walked PhpWalker::walk(const ThreadSnapshot& thread, std::vector<FrameId>& frames) {
  const bool held = std::exchange(held_tid_, 0) == thread.inner_tid && thread.inner_tid != 0;
  const bool sent = kernel_walks_ && !thread.registers;   // else it sleeps, or stood
  const Walked read = sent ? read_sent(thread.interpreter) : held ? held_read_ : read_calls(thread.inner_tid);
  const bool machine = mixed_ && (sent || thread.registers);
  return machine ? weave(thread, read, frames) : append(read, frames);
}

FrameId PhpWalker::name(const Call& call, bool outermost) {
  if (call.function == 0) return truncated_;
  if (!call.known) return ++context_.unresolved, freed_;
  Function& function = *call.known;
  if (function.is.type < 1 || function.is.type > 4) return Profile::kNoFrame;   // torn
  if (function.is.type == 1 && function.is.name == 0) return Profile::kNoFrame; // the engine's own: a fiber's first frame
  const std::uint32_t line = context_.options.lines ? call.line : 0;
  const auto [known, fresh] = function.frames.try_emplace(std::uint64_t{line} << 1 | outermost, Profile::kNoFrame);
  if (!fresh) return known->second;
  std::string_view name = function.name;
  if (function.script()) name = outermost ? "{main}" : "include";
  else if (name.empty()) name = "[unnamed function]";
  return known->second = context_.profile.intern({.kind = FrameKind::Php, .name = name, .file = function.file, .line = line});
}

}  // namespace sampan::php

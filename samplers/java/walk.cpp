#include "samplers/java/walk.hpp"

#include <algorithm>
#include <array>

namespace sampan::java {
namespace {

constexpr std::size_t kMostJavaFrames = 4096;
constexpr std::size_t kMostShown = 200'000;    // then the cache starts anew
constexpr std::uint64_t kShortestLife = 1'000'000;   // ns: code that runs has not ended, been collected and given way by then
constexpr std::uint64_t kRemapEvery = 50'000'000;   // ns
constexpr unsigned kAttempts = 8;               // each finds out what is no longer true up to where it ended

}  // namespace

Walk::Walk(Vm& vm, NativeStack& native, Context& context)
    : vm_(vm), cpu_(machine_code(*vm.layout.architecture)), native_(native), context_(context) {}

Walked Walk::run(const ThreadSnapshot& thread, std::vector<FrameId>& frames) {
  Walked result = Walked::Failed;
  const std::uint64_t now = now_ns();
  taken_at_ = thread.taken_at ? thread.taken_at : now;
  late_ = thread.deferred || taken_at_ + kShortestLife < now;
  vm_.look(now);
  for (unsigned attempt = 0; attempt < kAttempts; ++attempt) {
    result = once(thread);
    // A walk that was held up itself is late too: what it took for sure is looked at again.
    if (!late_ && taken_at_ + kShortestLife < now_ns()) {
      late_ = true;
      result = once(thread);
    }
    if (result == Walked::Failed || result == Walked::NoFrames || still_true()) break;
    // What was known of some code is no longer so: it has been forgotten and is read anew.
    result = Walked::Suspect;
  }
  if (result == Walked::Suspect) found_.assign(1, note("[code that changed while it was read]"));
  if (found_.empty()) return result;
  if (doubtful_ && result == Walked::Whole) result = Walked::Suspect;
  if (missing_ && result == Walked::Whole) result = Walked::Truncated;
  if (result == Walked::Truncated && !missing_) frames.push_back(native_.truncated());
  frames.insert(frames.end(), found_.rbegin(), found_.rend());
  for (std::size_t i = thread.kernel.size(); i-- > 0;) frames.push_back(native_.kernel_frame(thread.kernel[i]));
  return result;
}

Walked Walk::once(const ThreadSnapshot& thread) {
  found_.clear();
  blobs_.clear();
  methods_.clear();
  anchored_ = missing_ = java_ = from_java_ = doubtful_ = false;
  thread_ = vm_.threads.find(thread.inner_tid);
  if (!start(thread)) return Walked::NoFrames;
  return loop();
}

bool Walk::start(const ThreadSnapshot& thread) {
  const std::uint64_t limit = thread_ ? thread_->stack_base : 0;
  at_ = {};
  at_.architecture = vm_.layout.architecture;
  if (thread.registers) {
    at_.registers = *thread.registers;
    at_.fp_known = thread.fp_known;
    stack_.reset(vm_.memory, thread.registers->sp, thread.stack, limit);
    return true;
  }
  // No registers: a thread that sleeps left its last Java frame in its anchor.
  if (!thread_) return false;
  const auto anchor = vm_.threads.anchor(*thread_);
  if (!anchor || anchor->sp % 8 != 0 || (limit && anchor->sp >= limit)) return false;
  stack_.reset(vm_.memory, anchor->sp - 8, {}, limit);
  return to_anchor() == Went::On;
}

Walked Walk::loop() {
  std::uint64_t before = 0;
  for (std::size_t i = 0; i < kMostJavaFrames; ++i) {
    if (at_.registers.sp < before || !stack_.holds(at_.registers.sp)) {
      if (thread_ && at_.registers.sp == stack_.limit()) return Walked::Whole;
      return Walked::Truncated;
    }
    before = at_.registers.sp;
    Went went = Went::Lost;
    if (vm_.code.covers(at_.registers.pc)) {
      const Blob* blob = vm_.code.find(at_.registers.pc);
      went = blob ? java_frame(*blob) : at_.exact ? search_return(8) : Went::Lost;
    } else {
      went = native_frame();
    }
    if (went == Went::End) return Walked::Whole;
    if (went == Went::On) continue;
    if (anchored_ || !thread_ || java_) return Walked::Truncated;
    // Not yet in Java: the anchor knows where Java was left.
    found_.push_back(native_.truncated());
    missing_ = true;
    before = 0;
    if (to_anchor() != Went::On) return Walked::Truncated;
  }
  return Walked::Truncated;
}

Walk::Went Walk::to_anchor() {
  anchored_ = true;
  const auto anchor = thread_ ? vm_.threads.anchor(*thread_) : std::nullopt;
  if (!anchor || !stack_.holds(anchor->sp)) return Went::Lost;
  std::uint64_t pc = anchor->pc;
  // Where only sp was left, the pc is the return address below it.
  if (!pc) pc = stack_.word(anchor->sp - 8).value_or(0);
  at_.innermost = at_.exact = false;
  at_.fp_known = anchor->fp != 0;
  return enter(pc, anchor->sp, anchor->fp);
}

Walk::Went Walk::native_frame() {
  from_java_ = false;
  // A caller outside all code: the step that led here was wrong.
  if (!is_mapped(at_.lookup()) && !at_.exact) return Went::Lost;
  found_.push_back(native_.frame(at_.lookup()));
  const FrameState before = at_;
  Step done = step(native_.space(), stack_.copy(), at_);
  while (done == Step::OutOfStack && stack_.extend()) done = step(native_.space(), stack_.copy(), at_);
  if (done == Step::Root) return Went::End;
  // Compiled code's own frame is found from sp alone.
  const bool found = at_.sp_known || !vm_.code.covers(at_.registers.pc);
  if (done == Step::Caller && found && is_code(at_.registers.pc)) return Went::On;
  at_ = before;
  return behind_rows();
}

bool Walk::is_code(std::uint64_t pc) { return pc && (vm_.code.covers(pc) || is_mapped(pc - 1)); }

// Libraries that were loaded since the mappings were read last are looked for now and then.
bool Walk::is_mapped(std::uint64_t pc) {
  if (native_.space().find(pc)) return true;
  const std::uint64_t now = now_ns();
  if (now < next_remap_) return false;
  next_remap_ = now + kRemapEvery;
  native_.refresh();
  return native_.space().find(pc) != nullptr;
}

// libc ends the rows of clone and clone3 at their system call, since they would be wrong in the child. The parent is
// one return from its caller; the child (the call gave it 0) is at its thread's start.
Walk::Went Walk::behind_rows() {
  if (!at_.innermost) return Went::Lost;
  const CodeRegion* region = native_.space().find(at_.registers.pc);
  if (!region || !region->table) return Went::Lost;
  const sampan_row* row = find_row(region->table->rows, at_.registers.pc - region->bias - region->table->base);
  if (row && !sampan_row_inferred(row)) return Went::Lost;
  std::array<std::byte, kBytesBefore> before{};
  const bool call = vm_.memory.read(at_.registers.pc - before.size(), before) && cpu_.is_system_call(before);
  if (call && at_.registers.general[cpu_.result] == 0) return Went::End;
  const auto sender = return_from(state());
  if (!sender || !is_code(sender->pc)) return Went::Lost;
  enter(sender->pc, sender->sp, sender->fp);
  return Went::On;
}

Walk::Went Walk::java_frame(const Blob& blob) {
  Went went = Went::Lost;
  switch (blob.kind) {
    case BlobKind::Compiled: went = compiled_frame(blob), java_ = from_java_ = true; return went;
    case BlobKind::Interpreter: went = interpreted_frame(blob), java_ = from_java_ = true; return went;
    default: from_java_ = false; return stub_frame(blob);
  }
}

// Java code and stubs are called from the code cache only: its stubs lead to and from native code.
Walk::Went Walk::enter(std::uint64_t pc, std::uint64_t sp, std::uint64_t fp) {
  at_.registers.pc = pc & native_.space().address_bits();
  at_.registers.sp = sp;
  at_.registers.fp = fp;
  at_.innermost = at_.exact = false;
  at_.sp_known = true;
  return vm_.code.find(at_.registers.pc) ? Went::On : Went::Lost;
}

Walk::Went Walk::enter(const std::optional<Sender>& sender) {
  if (!sender || sender->sp < at_.registers.sp) return Went::Lost;
  at_.fp_known = sender->fp_known;
  return enter(sender->pc, sender->sp, sender->fp);
}

std::optional<Sender> Walk::return_from(const CodeState& state) {
  return cpu_.return_from(state, [this](std::uint64_t address) { return stack_.word(address); });
}

Walk::Went Walk::leave_fixed(std::uint64_t frame_bytes) {
  const std::uint64_t sender = at_.registers.sp + frame_bytes;
  const auto pc = stack_.word(sender - 8);
  const auto fp = frame_bytes >= 16 ? stack_.word(sender - 16) : std::optional(at_.registers.fp);
  if (!pc || !fp) return Went::Lost;
  if (frame_bytes >= 16) at_.fp_known = true;
  return enter(*pc, sender, *fp);
}

void Walk::watch(const Blob& blob) {
  if (std::find(blobs_.begin(), blobs_.end(), blob.start) == blobs_.end()) blobs_.push_back(blob.start);
}

void Walk::watch(std::uint64_t method, const MethodInfo& info) {
  const auto same = [method](const auto& item) { return item.first == method; };
  if (std::any_of(methods_.begin(), methods_.end(), same)) return;
  for (const Witness& witness : info.witnesses) methods_.emplace_back(method, witness);
}

// Reads every witness of this walk in one batch; forgets what is no longer true.
bool Walk::still_true() {
  struct Check {
    Witness witness;
    std::uint64_t blob, method;
    std::uint64_t now = 0;
  };
  std::vector<Check> checks;
  for (const std::uint64_t start : blobs_) {
    const Blob* blob = vm_.code.at(start);
    if (!blob) continue;
    for (const Witness& witness : blob->witnesses) checks.push_back({witness, start, blob->method, 0});
  }
  for (const auto& [method, witness] : methods_) checks.push_back({witness, 0, method, 0});
  std::vector<Read> reads;
  reads.reserve(checks.size());
  for (Check& check : checks) reads.push_back({check.witness.address, std::as_writable_bytes(std::span(&check.now, 1))});
  std::size_t done = 0;
  bool good = true;
  while (done < reads.size()) {
    done += vm_.memory.read_batch(std::span(reads).subspan(done));
    if (done < reads.size()) checks[done].now = ~checks[done].witness.value, ++done;   // gone
  }
  for (const Check& check : checks) {
    if ((check.now & check.witness.mask) == (check.witness.value & check.witness.mask)) continue;
    good = false;
    if (check.blob) vm_.code.forget(check.blob);
    vm_.methods.forget(check.method);
  }
  return good;
}

// A sample from the kernel's buffer may be older than what lies there now. Code that was put into a free place and gave
// way again within half a second was unloaded with its class; what is replaced or cold waits for a collection or two.
bool Walk::sure(const Blob& blob) {
  if (!late_ || vm_.code.was_there(blob, taken_at_)) return true;
  const auto free = vm_.code.was_free(blob, taken_at_);
  if (free && vm_.unloads.since(*free) == Unloaded::None) return true;
  vm_.code.look_soon();
  return false;
}

bool Walk::sure(const MethodInfo& info) { return !late_ || info.read_at <= taken_at_ || vm_.unloads.since(taken_at_) == Unloaded::None; }

// Code of a class that has just been unloaded may stand a moment longer than the class's memory.
bool Walk::sure(Shown& shown) {
  if (!late_ || shown.made_at <= taken_at_ || vm_.unloads.since(taken_at_) != Unloaded::Some) return true;
  shown.serial = 0;   // what was read is not kept
  return false;
}

Walk::Shown& Walk::shown(const Blob& blob, std::uint64_t pc) {
  if (shown_.size() >= kMostShown) shown_.clear();
  Shown& shown = shown_[pc];
  if (shown.serial == blob.serial) return shown;
  shown.serial = blob.serial;
  shown.made_at = now_ns();
  shown.is_call = false;
  shown.frames.clear();
  if (blob.native || !read_scopes(vm_.memory, vm_.layout, blob, pc, scopes_, &shown.is_call)) {
    vm_.methods.verify(blob.method);
    shown.frames.push_back(vm_.methods.frame(blob.method, -1, FrameKind::Java));
    return shown;
  }
  for (std::size_t i = 0; i < scopes_.size(); ++i) {
    vm_.methods.verify(scopes_[i].method);
    const FrameKind kind = i + 1 < scopes_.size() ? FrameKind::JavaInlined : FrameKind::Java;
    shown.frames.push_back(vm_.methods.frame(scopes_[i].method, scopes_[i].bci, kind));
  }
  return shown;
}

Bytes Walk::code_of(const Blob& blob) {
  const auto [known, fresh] = code_.try_emplace(blob.start);
  if (fresh) {
    known->second.resize(blob.end - blob.code);
    if (!vm_.memory.read(blob.code, known->second)) known->second.clear();
  }
  return known->second;
}

}  // namespace sampan::java

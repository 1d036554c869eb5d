// One frame of each kind to its caller. x86_64: arm64 keeps the return address in a register and needs its own rules.
#include <algorithm>

#include "samplers/java/walk.hpp"

namespace sampan::java {
namespace {

constexpr unsigned kRbx = 3, kRax = 0, kR13 = 13;      // DWARF numbers
constexpr std::uint64_t kPrologueBytes = 96;
constexpr unsigned kEpilogueInstructions = 8;
constexpr unsigned kStubInstructions = 4000;
constexpr unsigned kSearchSlots = 6;
constexpr unsigned kSavedStateSlots = 512;
constexpr std::uint64_t kMostInterpreterFrame = 1 << 20;

std::uint64_t slot(std::uint64_t base, std::int64_t words) { return base + static_cast<std::uint64_t>(words * 8); }

}  // namespace

// What an interrupted compiled method will leave its caller, where its frame does not stand yet or no more;
// nothing where the frame is the one that its blob describes.
std::optional<X86State> Walk::follow_compiled(const Blob& blob) {
  const std::uint64_t pc = at_.registers.pc;
  if (pc <= blob.entry && blob.entry - pc <= 64) return state();   // the class check before the entry
  const bool prologue = pc > blob.entry && pc - blob.entry < kPrologueBytes &&
                        (blob.frame_complete < 0 || pc < blob.code + static_cast<std::uint64_t>(blob.frame_complete));
  const std::uint64_t from = prologue ? blob.entry : pc;
  window_.resize(std::min<std::uint64_t>(blob.end - from, prologue ? pc - from + 16 : 96));
  if (!vm_.memory.read(from, window_)) return {};
  const StackWord word = [this](std::uint64_t address) { return stack_.word(address); };
  if (prologue) return undo_prologue(window_, pc - from, state(), word);
  return follow_to_return(window_, 0, state(), word, kEpilogueInstructions);
}

Walk::Went Walk::compiled_frame(const Blob& blob) {
  const std::uint64_t pc = at_.registers.pc;
  std::uint64_t named = pc;
  // A deoptimised frame returns to a handler; the compiled code's own return address is kept in the frame.
  if (!at_.exact && (pc == blob.deopt || pc == blob.deopt_mh) && blob.orig_pc_at) {
    const auto original = stack_.word(at_.registers.sp + blob.orig_pc_at);
    if (original && blob.contains(*original)) named = *original;
  }
  watch(blob);
  const bool certain = sure(blob);
  Shown& what = shown(blob, named);
  // A method that was called from here was called from a place that the compiler recorded; else other code has come
  // to lie here since.
  if (from_java_ && !at_.exact && !blob.native && !what.is_call) return Went::Lost;
  if (!certain || !sure(what)) found_.push_back(changed());
  else found_.insert(found_.end(), what.frames.begin(), what.frames.end());
  learn_continuation(blob);
  if (at_.exact) {
    if (const auto left = follow_compiled(blob)) {
      const FrameState before = at_;
      if (enter(*left) == Went::On) return Went::On;
      at_ = before;
      return search_return(kSearchSlots);
    }
  }
  if (blob.frame_bytes < 8) return at_.exact ? search_return(kSearchSlots) : Went::Lost;
  const FrameState before = at_;
  // Old compilers push a word or two within a method (JDK 8's subtype check).
  for (std::uint64_t pushed = 0; pushed <= (before.exact ? 16u : 0u); pushed += 8) {
    if (leave_fixed(blob.frame_bytes + pushed) == Went::On) return Went::On;
    at_ = before;
  }
  return at_.exact ? search_return(kSearchSlots) : Went::Lost;
}

Walk::Went Walk::interpreted_frame(const Blob&) {
  const Registers& r = at_.registers;
  const Codelet* codelet = at_.exact ? find_codelet(vm_.codelets, r.pc) : nullptr;
  const std::uint64_t fp = r.fp;
  const auto method = stack_.word(slot(fp, kMethodSlot));
  const auto sender = stack_.word(slot(fp, kSenderSpSlot));
  const auto pc = stack_.word(fp + 8);
  const auto caller_fp = stack_.word(fp);
  const bool whole = at_.fp_known && method && sender && pc && caller_fp && fp >= r.sp && fp - r.sp < kMostInterpreterFrame && *sender > fp;
  // A method that is being entered is still in a register, not yet in a frame of its own.
  if (codelet && codelet->is_entry && at_.innermost && !(whole && *method == r.general[kRbx])) {
    const MethodInfo* entered = vm_.methods.find(r.general[kRbx]);
    if (entered && entered->consistent) return entering_frame(*entered);
  }
  const MethodInfo* info = whole ? vm_.methods.find(*method) : nullptr;
  if (!info || (at_.exact && !info->consistent)) {
    if (!at_.exact) return Went::Lost;
    return search_return(kSearchSlots);
  }
  // The innermost frame has its place in r13; the slot is written at calls.
  const auto bci_of = [&](std::uint64_t bcp) {
    const bool inside = bcp >= info->bytecodes && bcp - info->bytecodes < info->code_size;
    return inside ? static_cast<std::int32_t>(bcp - info->bytecodes) : -1;
  };
  std::int32_t bci = at_.innermost ? bci_of(r.general[kR13]) : -1;
  if (bci < 0) bci = bci_of(stack_.word(slot(fp, vm_.layout.interpreter_bcp_slot)).value_or(0));
  found_.push_back(sure(*info) ? vm_.methods.frame(*method, bci, FrameKind::JavaInterpreted) : changed());
  watch(*method, *info);
  return enter(*pc, *sender, *caller_fp);
}

Walk::Went Walk::entering_frame(const MethodInfo& info) {
  const Registers r = at_.registers;
  found_.push_back(sure(info) ? vm_.methods.frame(r.general[kRbx], 0, FrameKind::JavaInterpreted) : changed());
  watch(r.general[kRbx], info);
  // r13 holds the sender's sp until the new frame has it; then the place in the bytecodes.
  const bool framed = r.general[kR13] >= info.bytecodes && r.general[kR13] - info.bytecodes <= info.code_size;
  const std::uint64_t sender = framed ? stack_.word(slot(r.fp, kSenderSpSlot)).value_or(0) : r.general[kR13];
  if (sender < r.sp || !stack_.holds(sender)) return search_return(kSearchSlots);
  if (r.fp >= r.sp && r.fp < sender) {
    const auto pc = stack_.word(r.fp + 8);
    const auto caller_fp = stack_.word(r.fp);
    return pc && caller_fp && is_return_address(*pc) ? enter(*pc, sender, *caller_fp) : search_return(kSearchSlots);
  }
  // The return address is on top of the stack, or in rax while room for the locals is made below it.
  for (const std::uint64_t pc : {stack_.word(r.sp).value_or(0), r.general[kRax]}) {
    if (is_return_address(pc)) return enter(pc, sender, r.fp);
  }
  return search_return(kSearchSlots);
}

Walk::Went Walk::stub_frame(const Blob& blob) {
  const std::uint64_t pc = at_.registers.pc;
  if (!at_.exact && pc == vm_.call_stub_return) return entry_frame();
  if (!at_.exact && blob.kind == BlobKind::Continuation) return barrier_frame();
  if (at_.exact || blob.kind == BlobKind::Stubs) {
    found_.push_back(context_.profile.intern({FrameKind::Native, vm_.stub_name(blob, pc), "[stub]", 0, 0}));
  }
  const FrameState before = at_;
  if (blob.kind == BlobKind::Vtable) {
    if (at_.exact && enter(state()) == Went::On) return Went::On;
    at_ = before;
    return search_return(at_.exact ? kSearchSlots : kSavedStateSlots);   // an adapter that calls the VM saves all registers
  }
  const bool complete = !at_.exact || blob.frame_complete < 0 || pc >= blob.code + static_cast<std::uint64_t>(blob.frame_complete);
  if (blob.frame_bytes >= 8 && complete && leave_fixed(blob.frame_bytes) == Went::On) return Went::On;
  at_ = before;
  const Bytes code = code_of(blob);
  if (pc >= blob.code && pc - blob.code < code.size()) {
    const StackWord word = [this](std::uint64_t address) { return stack_.word(address); };
    const auto left = follow_to_return(code, pc - blob.code, state(), word, kStubInstructions);
    if (left && enter(*left) == Went::On) return Went::On;
    // The few stubs that the VM calls by itself (flush_icache_stub) return to native code.
    if (left && blob.kind == BlobKind::Runtime && native_.space().find(at_.registers.pc)) return Went::On;
    at_ = before;
  }
  // Most stubs that take a frame take it the common way.
  if (at_.fp_known && at_.registers.fp >= at_.registers.sp && at_.registers.fp - at_.registers.sp < 4096) {
    const auto top = stack_.word(at_.registers.fp + 8);
    const auto fp = stack_.word(at_.registers.fp);
    if (top && fp && is_return_address(*top)) return enter(*top, at_.registers.fp + 16, *fp);
  }
  return search_return(kSearchSlots * 2);
}

// The call from native code into Java. Its wrapper keeps the anchor of the Java code that called that native code.
Walk::Went Walk::entry_frame() {
  const std::uint64_t fp = at_.registers.fp;
  if (!at_.fp_known || !stack_.holds(fp)) return Went::Lost;
  if (context_.options.native) {
    const auto pc = stack_.word(fp + 8);
    const auto caller_fp = stack_.word(fp);
    if (!pc || !caller_fp) return Went::Lost;
    enter(*pc, fp + 16, *caller_fp);   // native code: not in the code cache
    return Went::On;
  }
  const auto wrapper = stack_.word(slot(fp, vm_.layout.entry_wrapper_slot));
  if (!wrapper || vm_.layout.wrapper_anchor == kAbsent) return Went::Lost;
  const std::uint64_t at = *wrapper + static_cast<std::uint64_t>(vm_.layout.wrapper_anchor);
  // The wrapper lies on this stack.
  const auto field = [&](Offset offset) { return stack_.word(at + static_cast<std::uint64_t>(offset)); };
  const auto sp = field(vm_.layout.anchor_sp);
  const auto pc = field(vm_.layout.anchor_pc);
  const auto last_fp = vm_.layout.anchor_fp == kAbsent ? std::optional<std::uint64_t>(0) : field(vm_.layout.anchor_fp);
  if (!sp || !pc || !last_fp) return Went::Lost;
  if (*sp == 0) return Went::End;
  if (*sp <= at_.registers.sp || !stack_.holds(*sp)) return Went::Lost;
  at_.fp_known = *last_fp != 0;
  return enter(*pc ? *pc : stack_.word(*sp - 8).value_or(0), *sp, *last_fp);
}

// The frame below was thawed from the heap alone: the rest of the virtual thread is still frozen there. The walk goes
// on at the entry of the continuation on the carrier's stack, a frame of Continuation.enterSpecial.
Walk::Went Walk::barrier_frame() {
  std::uint64_t pc = cont_return_pc_;
  if (!pc && vm_.layout.cont_return_pc) pc = vm_.memory.read_as<std::uint64_t>(vm_.layout.cont_return_pc);
  const Blob* blob = pc ? vm_.code.find(pc) : nullptr;
  if (!blob || blob->kind != BlobKind::Compiled || blob->frame_bytes < 32) return pass_unknown_entry();
  const FrameState before = at_;
  // A frame that returns to the barrier ends where the entry begins; while the barrier itself runs, rbp marks its end.
  const std::uint64_t told = vm_.layout.thread_cont_entry != kAbsent && thread_ && !late_
                                 ? vm_.memory.read_as<std::uint64_t>(thread_->address + static_cast<std::uint64_t>(vm_.layout.thread_cont_entry)) : 0;
  for (const std::uint64_t entry : {at_.registers.sp, at_.registers.fp - (blob->frame_bytes - 16), told}) {
    const auto caller = stack_.word(entry + blob->frame_bytes - 8);
    if (entry < before.registers.sp || !caller || !is_return_address(*caller)) continue;
    if (enter(pc, entry, entry + blob->frame_bytes - 16) != Went::On) break;
    found_.push_back(note("[frozen frames]"));
    return Went::On;
  }
  at_ = before;
  return Went::Lost;
}

// Without knowing that frame: its caller's frame pointer and the return address are the first such pair above the entry.
Walk::Went Walk::pass_unknown_entry() {
  for (std::uint64_t words = 4; words < 16; ++words) {
    const std::uint64_t at = at_.registers.sp + words * 8;
    const auto fp = stack_.word(at);
    const auto pc = stack_.word(at + 8);
    if (!fp || !pc || *fp <= at || !stack_.holds(*fp) || !is_return_address(*pc)) continue;
    found_.push_back(note("[frozen frames]"));
    return enter(*pc, at + 16, *fp);
  }
  return Went::Lost;
}

// JDK 21 to 23 do not say where continuations return to: a walk through Continuation.enterSpecial shows it.
void Walk::learn_continuation(const Blob& blob) {
  if (cont_return_pc_ || at_.exact || !blob.native || !from_java_) return;
  const MethodInfo* info = vm_.methods.find(blob.method);
  if (info && info->name == "jdk/internal/vm/Continuation.enterSpecial") cont_return_pc_ = at_.registers.pc;
}

}  // namespace sampan::java

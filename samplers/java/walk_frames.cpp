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
constexpr std::uint64_t kMostInterpreterFrame = 1 << 20;

std::uint64_t slot(std::uint64_t base, std::int64_t words) { return base + static_cast<std::uint64_t>(words * 8); }

}  // namespace

// Where the return address of an interrupted compiled method lies: before its frame stands, while it is taken
// down, or (nothing) in the frame that its blob describes.
std::optional<ReturnPlace> Walk::place_in_compiled(const Blob& blob) {
  const std::uint64_t pc = at_.registers.pc;
  if (pc <= blob.entry && blob.entry - pc <= 64) return ReturnPlace{};   // class check before the entry
  const bool prologue = pc > blob.entry && pc - blob.entry < kPrologueBytes &&
                        (blob.frame_complete < 0 || pc < blob.code + static_cast<std::uint64_t>(blob.frame_complete));
  const std::uint64_t from = prologue ? blob.entry : pc;
  window_.resize(std::min<std::uint64_t>(blob.end - from, prologue ? pc - from + 16 : 96));
  if (!vm_.memory.read(from, window_)) return {};
  if (prologue) return follow_from_entry(window_, 0, pc - from);
  return follow_to_return(window_, 0, kEpilogueInstructions);
}

Walk::Went Walk::compiled_frame(const Blob& blob) {
  const std::uint64_t pc = at_.registers.pc;
  std::uint64_t named = pc;
  // A deoptimised frame returns to a handler; the compiled code's own return address is kept in the frame.
  if (!at_.exact && (pc == blob.deopt || pc == blob.deopt_mh) && blob.orig_pc_at) {
    const auto original = stack_.word(at_.registers.sp + blob.orig_pc_at);
    if (original && blob.contains(*original)) named = *original;
  }
  const auto& frames = shown(blob, named);
  found_.insert(found_.end(), frames.begin(), frames.end());
  watch(blob);
  learn_continuation(blob);
  if (at_.exact) {
    if (const auto place = place_in_compiled(blob)) {
      if (enter(*place) == Went::On) return Went::On;
      return search_return(kSearchSlots);
    }
  }
  if (blob.frame_bytes < 8) return at_.exact ? search_return(kSearchSlots) : Went::Lost;
  const FrameState before = at_;
  if (leave_fixed(blob.frame_bytes) == Went::On) return Went::On;
  at_ = before;
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
  if (codelet && codelet->is_entry && at_.innermost && !(whole && *method == r.general[kRbx])) return entering_frame(*codelet);
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
  found_.push_back(vm_.methods.frame(*method, bci, FrameKind::JavaInterpreted));
  watch(*method, *info);
  return enter(*pc, *sender, *caller_fp);
}

Walk::Went Walk::entering_frame(const Codelet&) {
  const Registers r = at_.registers;
  const MethodInfo* info = vm_.methods.find(r.general[kRbx]);
  if (!info || !info->consistent) return search_return(kSearchSlots);
  found_.push_back(vm_.methods.frame(r.general[kRbx], 0, FrameKind::JavaInterpreted));
  watch(r.general[kRbx], *info);
  const std::uint64_t sender = r.general[kR13];
  // The return address is on top of the stack, or in rax while room for the locals is made below it.
  for (const std::uint64_t pc : {stack_.word(r.sp).value_or(0), r.general[kRax], stack_.word(sender - 8).value_or(0)}) {
    if (sender > r.sp && stack_.holds(sender) && is_return_address(pc)) return enter(pc, sender, r.fp);
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
  if (blob.kind == BlobKind::Vtable) {
    if (const auto top = stack_.word(at_.registers.sp); top && is_code(*top)) return enter(ReturnPlace{});
    return search_return(kSearchSlots);
  }
  const FrameState before = at_;
  const bool complete = !at_.exact || blob.frame_complete < 0 || pc >= blob.code + static_cast<std::uint64_t>(blob.frame_complete);
  if (blob.frame_bytes >= 8 && complete && leave_fixed(blob.frame_bytes) == Went::On) return Went::On;
  at_ = before;
  const Bytes code = code_of(blob);
  if (pc >= blob.code && pc - blob.code < code.size()) {
    if (const auto place = follow_to_return(code, pc - blob.code, kStubInstructions); place && enter(*place) == Went::On) return Went::On;
    at_ = before;
  }
  // Most stubs that take a frame take it the common way.
  if (at_.fp_known && at_.registers.fp >= at_.registers.sp && at_.registers.fp - at_.registers.sp < 4096) {
    const auto top = stack_.word(at_.registers.fp + 8);
    if (top && is_return_address(*top) && enter(ReturnPlace{true, 8, 0}) == Went::On) return Went::On;
    at_ = before;
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
    return pc && caller_fp ? enter(*pc, fp + 16, *caller_fp) : Went::Lost;
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
// on at the entry of the continuation, which lies on the carrier's stack.
Walk::Went Walk::barrier_frame() {
  if (cont_entry_ == kAbsent || !thread_) return Went::Lost;
  const auto entry = vm_.memory.read_as<std::uint64_t>(thread_->address + static_cast<std::uint64_t>(cont_entry_));
  std::uint64_t pc = cont_return_pc_;
  if (!pc && vm_.layout.cont_return_pc) pc = vm_.memory.read_as<std::uint64_t>(vm_.layout.cont_return_pc);
  if (!pc || entry < at_.registers.sp || !stack_.holds(entry)) return Went::Lost;
  cont_return_pc_ = pc;
  found_.push_back(note("[frozen frames]"));
  return enter(pc, entry, entry + vm_.layout.cont_entry_bytes);
}

// JDK 21 and 22 do not say where JavaThread::_cont_entry is. A walk that passes Continuation.enterSpecial naturally
// knows its value (the frame's sp), so the field that holds it can be found; two threads must agree.
void Walk::learn_continuation(const Blob& blob) {
  (void)blob;
}

}  // namespace sampan::java

// One frame of each kind to its caller. Both processors keep a frame's return address and, below it, its caller's frame pointer
// at the frame's end.
#include <algorithm>

#include "samplers/java/walk.hpp"

namespace sampan::java {
namespace {

constexpr std::uint64_t kPrologueBytes = 96;
constexpr unsigned kEpilogueInstructions = 8;
constexpr std::uint64_t kMostInterpreterFrame = 1 << 20;

}  // namespace

// What an interrupted compiled method will leave its caller, where its frame does not stand yet or no more;
// nothing where the frame is the one that its blob describes.
std::optional<Sender> Walk::follow_compiled(const Blob& blob) {
  const std::uint64_t pc = at_.registers.pc;
  if (pc <= blob.entry && blob.entry - pc <= 64) return return_from(state());   // the class check before the entry
  const bool prologue = pc > blob.entry && pc - blob.entry < kPrologueBytes &&
                        (blob.frame_complete < 0 || pc < blob.code + static_cast<std::uint64_t>(blob.frame_complete));
  const std::uint64_t from = prologue ? blob.entry : pc;
  window_.resize(std::min<std::uint64_t>(blob.end - from, prologue ? pc - from + 16 : 96));
  if (!vm_.memory.read(from, window_)) return {};
  const StackWord word = [this](std::uint64_t address) { return stack_.word(address); };
  const auto left = prologue ? cpu_.undo_prologue(window_, pc - from, state(), word)
                             : cpu_.follow_to_return(window_, 0, state(), word, kEpilogueInstructions);
  return left ? cpu_.return_from(*left, word) : std::nullopt;
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
      if (enter(left) == Went::On) return Went::On;
      at_ = before;
      return search_return(kSearchSlots, &blob);
    }
  }
  if (blob.frame_bytes < 8) return at_.exact ? search_return(kSearchSlots) : Went::Lost;
  const FrameState before = at_;
  // Old compilers push a word or two within a method (JDK 8's subtype check).
  for (std::uint64_t pushed = 0; pushed <= (before.exact ? cpu_.pushed_most : 0u); pushed += 8) {
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
  const bool whole = at_.fp_known && method && sender && pc && caller_fp && fp >= r.sp && fp - r.sp < kMostInterpreterFrame && (*sender > fp || overlaps_caller(*pc));
  // A method that is being entered is still in a register, not yet in a frame of its own.
  if (codelet && codelet->is_entry && at_.innermost && !(whole && *method == r.general[cpu_.method])) {
    const MethodInfo* entered = vm_.methods.find(r.general[cpu_.method]);
    if (entered && entered->consistent) return entering_frame(*entered);
  }
  const MethodInfo* info = whole ? vm_.methods.find(*method) : nullptr;
  if (!info || (at_.exact && !info->consistent)) {
    if (!at_.exact) return Went::Lost;
    return search_return(kSearchSlots);
  }
  // The innermost frame has its place in a register; the slot is written at calls.
  const auto bci_of = [&](std::uint64_t bcp) {
    const bool inside = bcp >= info->bytecodes && bcp - info->bytecodes < info->code_size;
    return inside ? static_cast<std::int32_t>(bcp - info->bytecodes) : -1;
  };
  std::int32_t bci = at_.innermost ? bci_of(r.general[cpu_.bytecodes]) : -1;
  if (bci < 0) bci = bci_of(stack_.word(slot(fp, vm_.layout.interpreter_bcp_slot)).value_or(0));
  found_.push_back(sure(*info) ? vm_.methods.frame(*method, bci, FrameKind::JavaInterpreted) : changed());
  watch(*method, *info);
  return enter(*pc, *sender > fp ? *sender : fp + 16, *caller_fp);
}

// An interpreted caller is found by its frame pointer, wherever its sp was.
bool Walk::overlaps_caller(std::uint64_t return_pc) {
  const Blob* caller = cpu_.overlaps ? vm_.code.find(return_pc & native_.space().address_bits()) : nullptr;
  return caller && caller->kind == BlobKind::Interpreter;
}

Walk::Went Walk::entering_frame(const MethodInfo& info) {
  const Registers r = at_.registers;
  found_.push_back(sure(info) ? vm_.methods.frame(r.general[cpu_.method], 0, FrameKind::JavaInterpreted) : changed());
  watch(r.general[cpu_.method], info);
  // On x86_64 the register that holds the sender's sp until the new frame has it takes the place in the bytecodes then.
  const std::uint64_t told = told_sender();
  const bool framed = told >= info.bytecodes && told - info.bytecodes <= info.code_size;
  const std::uint64_t sender = framed ? stack_.word(slot(r.fp, kSenderSpSlot)).value_or(0) : told;
  if (sender < r.sp || !stack_.holds(sender)) return search_return(kSearchSlots);
  if (r.fp >= r.sp && r.fp < sender) {
    const auto pc = stack_.word(r.fp + 8);
    const auto caller_fp = stack_.word(r.fp);
    return pc && caller_fp && is_return_address(*pc) ? enter(*pc, sender, *caller_fp) : search_return(kSearchSlots);
  }
  // A return would lead to the caller; while room for the locals is made, the return address is in a register.
  const auto now = return_from(state());
  for (const std::uint64_t pc : {now ? now->pc : 0, r.general[cpu_.return_pc]}) {
    if (is_return_address(pc)) return enter(pc, sender, r.fp);
  }
  return search_return(kSearchSlots);
}

// JDK 21 to 23 do not say where continuations return to: a walk through Continuation.enterSpecial shows it.
void Walk::learn_continuation(const Blob& blob) {
  if (cont_return_pc_ || at_.exact || !blob.native || !from_java_) return;
  const MethodInfo* info = vm_.methods.find(blob.method);
  if (info && info->name == "jdk/internal/vm/Continuation.enterSpecial") cont_return_pc_ = at_.registers.pc;
}

}  // namespace sampan::java

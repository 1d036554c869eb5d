// Code that no compiler made for a method: stubs, adapters, the way into Java; and return addresses that must be looked for.
#include <array>

#include "samplers/java/walk.hpp"

namespace sampan::java {
namespace {

constexpr unsigned kStubInstructions = 4000;
constexpr unsigned kSavedStateSlots = 512;

}  // namespace

// What a stack slot holds by chance seldom is a place that the compiler recorded a call for.
bool Walk::is_return_address(std::uint64_t pc) {
  if (!vm_.code.covers(pc)) return false;
  const Blob* blob = vm_.code.find(pc);
  if (!blob || pc <= blob->code) return false;
  if (blob->kind == BlobKind::Interpreter) return find_codelet(vm_.codelets, pc) != nullptr || vm_.codelets.empty();
  if (blob->kind == BlobKind::Continuation) return true;
  if (blob->kind != BlobKind::Compiled) return pc == vm_.call_stub_return;
  if (blob->native || pc == blob->deopt || pc == blob->deopt_mh) return true;
  std::vector<Scope> scopes;
  bool exact = false;
  return read_scopes(vm_.memory, vm_.layout, *blob, pc, scopes, &exact) && exact;
}

// Calls that cannot stop for the VM are not recorded: the instruction itself tells.
bool Walk::calls(std::uint64_t return_pc, const Blob& callee) {
  std::array<std::byte, kBytesBefore> bytes;
  if (!vm_.code.find(return_pc - 1) || !vm_.memory.read(return_pc - bytes.size(), bytes)) return false;
  return callee.contains(cpu_.call_target(bytes, return_pc));
}

bool Walk::returns_to(std::uint64_t pc, const Blob* callee) { return is_return_address(pc) || (callee && calls(pc, *callee)); }

// Whether a caller with that pc and sp has a caller itself. An interpreted one does not lie at sp.
bool Walk::leads_on(std::uint64_t pc, std::uint64_t sp) {
  const Blob* blob = vm_.code.find(pc);
  if (!blob) return false;
  if (blob->kind != BlobKind::Compiled) return true;
  const auto next = blob->frame_bytes >= 8 ? stack_.word(sp + blob->frame_bytes - 8) : std::nullopt;
  return next && is_return_address(*next);
}

bool Walk::may_be(const Sender& sender, const Blob* callee) { return returns_to(sender.pc, callee) && leads_on(sender.pc, sender.sp); }

Walk::Went Walk::search_return(unsigned slots, const Blob* callee) {
  const auto now = return_from(state());
  if (now && may_be(*now, callee)) return enter(now->pc, now->sp, now->fp);
  for (unsigned i = 0; i < slots; ++i) {
    const std::uint64_t at = slot(at_.registers.sp, i);
    const auto pc = stack_.word(at);
    if (!pc) break;
    if (may_be({*pc, at + 8, 0}, callee)) return enter(*pc, at + 8, at_.registers.fp);
  }
  return Went::Lost;
}

Walk::Went Walk::stub_frame(const Blob& blob) {
  const std::uint64_t pc = at_.registers.pc;
  if (!at_.exact && pc == vm_.call_stub_return) return entry_frame();
  if (!at_.exact && blob.kind == BlobKind::Continuation) return barrier_frame();
  if (at_.exact || blob.kind == BlobKind::Stubs) {
    found_.push_back(context_.profile.intern({FrameKind::Native, vm_.stub_name(blob, pc), "[stub]", 0, 0}));
  }
  if (blob.kind == BlobKind::Vtable) return adapter_frame(blob);
  const FrameState before = at_;
  const bool complete = !at_.exact || blob.frame_complete < 0 || pc >= blob.code + static_cast<std::uint64_t>(blob.frame_complete);
  if (blob.frame_bytes >= 8 && complete && leave_fixed(blob.frame_bytes) == Went::On) return Went::On;
  at_ = before;
  const Bytes code = code_of(blob);
  if (pc >= blob.code && pc - blob.code < code.size()) {
    const StackWord word = [this](std::uint64_t address) { return stack_.word(address); };
    const auto at_return = cpu_.follow_to_return(code, pc - blob.code, state(), word, kStubInstructions);
    const auto left = at_return ? cpu_.return_from(*at_return, word) : std::nullopt;
    if (enter(left) == Went::On) {
      at_.registers.sp += pushed_arguments(blob);
      return Went::On;
    }
    // The few stubs that the VM calls by itself (flush_icache_stub) return to native code.
    if (left && blob.kind == BlobKind::Runtime && native_.space().find(at_.registers.pc)) return Went::On;
    at_ = before;
  }
  // Most stubs that take a frame take it the common way.
  if (at_.fp_known && at_.registers.fp >= at_.registers.sp && at_.registers.fp - at_.registers.sp < 4096) {
    const auto top = stack_.word(at_.registers.fp + 8);
    const auto fp = stack_.word(at_.registers.fp);
    if (top && fp && returns_to(*top, &blob)) return enter(*top, at_.registers.fp + 16, *fp);
  }
  return search_return(kSearchSlots * 2, &blob);
}

// C1 hands the two classes of this stub over on the stack and takes them off after it.
std::uint64_t Walk::pushed_arguments(const Blob& blob) const {
  return blob.kind == BlobKind::Runtime && blob.name.find("slow_subtype_check") != std::string::npos ? 16 : 0;
}

// Between compiled and interpreted code the arguments are moved: the return address is where a return takes it from or in a
// register, and another holds the sender's sp as soon as sp goes down. An adapter that calls the VM saves all registers.
Walk::Went Walk::adapter_frame(const Blob& blob) {
  if (!at_.exact) return search_return(kSavedStateSlots, &blob);
  const Registers& r = at_.registers;
  const Sender now = return_from(state()).value_or(Sender{});
  const std::uint64_t kept = r.general[cpu_.return_pc], told = told_sender();
  for (const Sender& sender : {now, Sender{now.pc, told, r.fp}, Sender{kept, told, r.fp}, Sender{kept, r.sp, r.fp}}) {
    if (sender.sp < r.sp || !stack_.holds(sender.sp) || !may_be(sender, &blob)) continue;
    return enter(sender.pc, sender.sp, r.fp);
  }
  return search_return(kSearchSlots, &blob);
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

}  // namespace sampan::java

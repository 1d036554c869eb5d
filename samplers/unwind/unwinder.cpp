#include "samplers/unwind/unwinder.hpp"

namespace sampan {
namespace {

constexpr sampan_row kNone{0, 0, 0, SAMPAN_ROW_NONE};

// Sets pc, sp and fp; frames below the innermost have no other register.
Step enter(FrameState& frame, std::uint64_t pc, std::uint64_t sp, std::uint64_t fp) {
  frame.registers.pc = pc;
  frame.registers.sp = sp;
  frame.registers.fp = fp;
  frame.innermost = false;
  frame.exact = false;
  return pc == 0 ? Step::Root : Step::Caller;
}

Step by_frame_pointer(const StackCopy& stack, FrameState& frame, bool same_stack) {
  const Registers& r = frame.registers;
  // A frame pointer of 0 is no proof of the thread's start: any code may keep what it likes in that register.
  if (!frame.fp_known || r.fp == 0) return Step::Lost;
  if ((same_stack && r.fp < r.sp) || r.fp % 8 != 0) return Step::Lost;
  const auto fp = stack.word(r.fp);
  const auto pc = stack.word(r.fp + 8);
  if (!fp || !pc) return Step::OutOfStack;
  return *pc == 0 && same_stack ? Step::Lost : enter(frame, *pc, r.fp + 16, *fp);
}

Step by_signal_frame(const StackCopy& stack, FrameState& frame) {
  const std::uint64_t context = frame.registers.sp;
  const auto fp = stack.word(context + SAMPAN_UCONTEXT_FP);
  const auto sp = stack.word(context + SAMPAN_UCONTEXT_SP);
  const auto pc = stack.word(context + SAMPAN_UCONTEXT_PC);
  if (!fp || !sp || !pc) return Step::OutOfStack;
  const Step done = enter(frame, *pc, *sp, *fp);
  frame.exact = true;
  frame.fp_known = true;
  return done;
}

std::optional<std::uint64_t> cfa_of(const sampan_row& row, const StackCopy& stack, const FrameState& frame) {
  const Registers& r = frame.registers;
  const auto offset = static_cast<std::uint64_t>(std::int64_t{row.cfa} * 8);
  switch (SAMPAN_ROW_KIND(row.kind)) {
    case SAMPAN_ROW_SP:
    case SAMPAN_ROW_RA_REGISTER: return r.sp + offset;
    case SAMPAN_ROW_FP: return r.fp + offset;
    case SAMPAN_ROW_DEREF_SP: return stack.word(r.sp + offset);
    case SAMPAN_ROW_DEREF_FP: return stack.word(r.fp + offset);
    case SAMPAN_ROW_PLT: return r.sp + offset + ((r.pc & 15) >= static_cast<std::uint64_t>(row.fp) ? 8u : 0u);
    case SAMPAN_ROW_REGISTER: return r.general[row.fp & 31] + offset;
    default: return {};
  }
}

// C that Go called runs on the thread's own stack; the goroutine's goes on where asmcgocall left it. Without a g the
// word below is the stack pointer itself.
Step by_go_switch(const sampan_row& row, const StackCopy& stack, FrameState& frame) {
  const std::uint64_t place = frame.registers.sp + static_cast<std::uint64_t>(std::int64_t{row.cfa} * 8);
  const auto g = stack.word(place);
  const auto depth = stack.word(place - 8);
  const auto high = g && *g != 0 ? stack.word(*g + 8) : g;
  if (!g || !depth || !high) return Step::OutOfStack;
  std::uint64_t sp = *g != 0 ? *high - *depth : *depth;
  std::optional<std::uint64_t> fp = frame.registers.fp;
  if (row.fp != 0) {
    fp = stack.word(sp);
    sp += 8;
  }
  const auto pc = stack.word(sp);
  if (!fp || !pc) return Step::OutOfStack;
  return enter(frame, *pc, sp + 8, *fp);
}

bool needs_fp(const sampan_row& row) {
  const auto kind = SAMPAN_ROW_KIND(row.kind);
  return kind == SAMPAN_ROW_FP || kind == SAMPAN_ROW_DEREF_FP || SAMPAN_ROW_FP_RULE(row.kind) == SAMPAN_FP_AT_FP;
}

bool needs_general(const sampan_row& row) {
  const auto kind = SAMPAN_ROW_KIND(row.kind);
  return kind == SAMPAN_ROW_REGISTER || kind == SAMPAN_ROW_RA_REGISTER;
}

Step by_row(const sampan_row& row, const StackCopy& stack, FrameState& frame) {
  if ((needs_fp(row) && !frame.fp_known) || (needs_general(row) && !frame.innermost)) return Step::Lost;
  const auto cfa = cfa_of(row, stack, frame);
  if (!cfa) return Step::OutOfStack;
  if (*cfa <= frame.registers.sp && SAMPAN_ROW_KIND(row.kind) != SAMPAN_ROW_RA_REGISTER) return Step::Lost;
  std::optional<std::uint64_t> pc;
  if (SAMPAN_ROW_KIND(row.kind) == SAMPAN_ROW_RA_REGISTER) pc = frame.registers.general[row.fp & 31];
  else pc = stack.word(*cfa - 8);
  std::optional<std::uint64_t> fp = frame.registers.fp;
  const auto slot = static_cast<std::uint64_t>(std::int64_t{row.fp} * 8);
  // Below sp: an epilogue has popped it already, though its rule still names the slot.
  const auto rule = SAMPAN_ROW_FP_RULE(row.kind);
  const bool saved = rule == SAMPAN_FP_AT_FP || (rule == SAMPAN_FP_AT_CFA && *cfa + slot >= frame.registers.sp);
  if (saved) fp = stack.word((rule == SAMPAN_FP_AT_FP ? frame.registers.fp : *cfa) + slot);
  if (!pc || !fp) return Step::OutOfStack;
  if (saved) frame.fp_known = true;
  return enter(frame, *pc, *cfa, *fp);
}

}  // namespace

std::optional<std::uint64_t> StackCopy::word(std::uint64_t address) const {
  const bool inside = address >= start && address - start <= bytes.size() && bytes.size() - (address - start) >= 8;
  if (inside) return read_at<std::uint64_t>(bytes, address - start);
  std::uint64_t value = 0;
  return live && live->read_into(address, value) ? std::optional(value) : std::nullopt;
}

Step step(const AddressSpace& space, const StackCopy& stack, FrameState& frame) {
  const std::uint64_t pc = frame.lookup();
  const CodeRegion* region = space.find(pc);
  if (!region) return Step::Lost;
  const sampan_row* row = region->table ? find_row(region->table->rows, pc - region->bias - region->table->base) : nullptr;
  if (!row) row = &kNone;
  frame.inferred |= row->kind == SAMPAN_ROW_NONE || (row->kind & SAMPAN_ROW_DERIVED) != 0;
  switch (SAMPAN_ROW_KIND(row->kind)) {
    case SAMPAN_ROW_NONE: return by_frame_pointer(stack, frame, true);
    case SAMPAN_ROW_FP_SWITCH: return by_frame_pointer(stack, frame, false);
    case SAMPAN_ROW_SIGNAL: return by_signal_frame(stack, frame);
    case SAMPAN_ROW_ROOT: return Step::Root;
    case SAMPAN_ROW_UNKNOWN: return Step::Lost;
    case SAMPAN_ROW_GO_CGO: return by_go_switch(*row, stack, frame);
    default: return by_row(*row, stack, frame);
  }
}

Step unwind(const AddressSpace& space, const StackCopy& stack, FrameState frame, std::vector<std::uint64_t>& addresses, bool* inferred) {
  for (std::size_t i = 0; i < kMostFrames; ++i) {
    addresses.push_back(frame.lookup());
    const Step done = step(space, stack, frame);
    if (inferred) *inferred = frame.inferred;
    if (done != Step::Caller) return done;
  }
  return Step::OutOfStack;
}

}  // namespace sampan

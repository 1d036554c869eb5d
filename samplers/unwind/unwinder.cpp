#include "samplers/unwind/unwinder.hpp"

namespace sampan {
namespace {

constexpr sampan_row kNone{0, 0, 0, SAMPAN_ROW_NONE};

using MaybeWord = std::optional<std::uint64_t>;

std::uint64_t words(std::int64_t count) { return static_cast<std::uint64_t>(count * 8); }

// Walks from one frame to the next one by one row.
class Stepper {
 public:
  Stepper(const sampan_row& row, const StackCopy& stack, std::uint64_t address_bits, FrameState& frame)
      : row_(row), kind_(SAMPAN_ROW_KIND(row.kind)), stack_(stack), bits_(address_bits), frame_(frame), r_(frame.registers), cpu_(*frame.architecture) {}

  Step by_frame_pointer();
  Step by_signal_frame();
  Step by_go_switch();
  Step by_row();

 private:
  // Sets pc, sp and fp; frames below the innermost have no other register.
  Step enter(std::uint64_t pc, std::uint64_t sp, MaybeWord fp);
  bool find_sp();
  MaybeWord cfa() const;
  std::uint64_t base(std::uint64_t cfa) const;
  bool holds() const;
  MaybeWord return_address(std::uint64_t cfa, bool popped) const;

  const sampan_row& row_;
  const int kind_;
  const StackCopy& stack_;
  const std::uint64_t bits_;
  FrameState& frame_;
  Registers& r_;
  const sampan_architecture& cpu_;
};

Step Stepper::enter(std::uint64_t pc, std::uint64_t sp, MaybeWord fp) {
  r_.pc = pc & bits_;
  r_.sp = sp;
  r_.fp = fp.value_or(0);
  frame_.fp_known = fp.has_value();
  frame_.sp_known = true;
  frame_.innermost = false;
  frame_.exact = false;
  return r_.pc == 0 ? Step::Root : Step::Caller;
}

Step Stepper::by_frame_pointer() {
  const bool same_stack = kind_ != SAMPAN_ROW_FP_SWITCH;
  // A frame pointer of 0 is no proof of the thread's start: any code may keep what it likes in that register.
  if (!frame_.fp_known || r_.fp == 0) return Step::Lost;
  if ((same_stack && r_.fp < r_.sp) || r_.fp % 8 != 0) return Step::Lost;
  const auto fp = stack_.word(r_.fp);
  const auto pc = stack_.word(r_.fp + 8);
  if (!fp || !pc) return Step::OutOfStack;
  if (same_stack && (*pc & bits_) == 0) return Step::Lost;
  const Step done = enter(*pc, r_.fp + (same_stack ? 16 : words(row_.cfa)), *fp);
  frame_.sp_known = !same_stack || !cpu_.link_register;
  return done;
}

Step Stepper::by_signal_frame() {
  if (!frame_.sp_known) return Step::Lost;
  const std::uint64_t context = r_.sp;
  const auto fp = stack_.word(context + cpu_.context_fp);
  const auto sp = stack_.word(context + cpu_.context_sp);
  const auto pc = stack_.word(context + cpu_.context_pc);
  const auto lr = stack_.word(context + (cpu_.link_register ? cpu_.context_ra : cpu_.context_pc));
  if (!fp || !sp || !pc || !lr) return Step::OutOfStack;
  const Step done = enter(*pc, *sp, *fp);
  r_.lr = *lr;
  frame_.exact = true;
  return done;
}

// C that Go called runs on the thread's own stack; the goroutine's goes on where asmcgocall left it. Without a g the
// depth's word is the stack pointer itself.
Step Stepper::by_go_switch() {
  if (!frame_.sp_known) return Step::Lost;
  const std::uint64_t place = r_.sp + words(row_.cfa);
  const auto g = stack_.word(place);
  const auto depth = stack_.word(place + static_cast<std::uint64_t>(std::int64_t{cpu_.go_depth}));
  const auto high = g && *g != 0 ? stack_.word(*g + 8) : g;
  if (!g || !depth || !high) return Step::OutOfStack;
  const std::uint64_t sp = *g != 0 ? *high - *depth : *depth;
  MaybeWord fp = r_.fp;
  std::uint64_t at = sp;               // of the return address
  std::uint64_t sender = sp + 8;
  if (cpu_.link_register) {
    fp = stack_.word(sp - 8);
    sender = sp + words(row_.fp);
  } else if (row_.fp != 0) {
    fp = stack_.word(at);
    at += 8;
    sender += 8;
  }
  const auto pc = stack_.word(at);
  if (!fp || !pc) return Step::OutOfStack;
  return enter(*pc, sender, fp);
}

// Behind a frame record whose frame's end was not told, sp follows from where this frame's own record is: fp is there.
bool Stepper::find_sp() {
  if (frame_.sp_known || kind_ == SAMPAN_ROW_FP || kind_ == SAMPAN_ROW_DEREF_FP) return true;
  const int where = SAMPAN_ROW_BASE(row_.kind);
  if (kind_ != SAMPAN_ROW_SP || SAMPAN_ROW_SLOT(row_.kind) != SAMPAN_SLOT_RECORD || where == SAMPAN_BASE_FP) return false;
  const std::uint64_t sp = r_.fp - words(row_.fp) - (where == SAMPAN_BASE_CFA ? words(row_.cfa) : 0);
  if (!frame_.fp_known || sp < r_.sp) return false;
  r_.sp = sp;
  return frame_.sp_known = true;
}

MaybeWord Stepper::cfa() const {
  const std::uint64_t offset = words(row_.cfa);
  switch (kind_) {
    case SAMPAN_ROW_SP:
    case SAMPAN_ROW_GO_INJECTED:
    case SAMPAN_ROW_RA_REGISTER: return r_.sp + offset;
    case SAMPAN_ROW_FP: return r_.fp + offset;
    case SAMPAN_ROW_DEREF_SP: return stack_.word(r_.sp + offset);
    case SAMPAN_ROW_DEREF_FP: return stack_.word(r_.fp + offset);
    case SAMPAN_ROW_PLT: return r_.sp + offset + ((r_.pc & 15) >= static_cast<std::uint64_t>(row_.fp) ? 8u : 0u);
    case SAMPAN_ROW_REGISTER: return r_.general[row_.fp & (SAMPAN_REGISTERS - 1)] + offset;
    default: return {};
  }
}

std::uint64_t Stepper::base(std::uint64_t cfa) const {
  const int where = SAMPAN_ROW_BASE(row_.kind);
  return where == SAMPAN_BASE_FP ? r_.fp : where == SAMPAN_BASE_SP ? r_.sp : cfa;
}

// Whether what the row needs is known.
bool Stepper::holds() const {
  const bool needs_fp = kind_ == SAMPAN_ROW_FP || kind_ == SAMPAN_ROW_DEREF_FP || SAMPAN_ROW_BASE(row_.kind) == SAMPAN_BASE_FP;
  const bool needs_general = kind_ == SAMPAN_ROW_REGISTER || kind_ == SAMPAN_ROW_RA_REGISTER;
  return (!needs_fp || frame_.fp_known) && (!needs_general || frame_.innermost);
}

// `popped`: what was saved is in the registers again.
MaybeWord Stepper::return_address(std::uint64_t cfa, bool popped) const {
  if (kind_ == SAMPAN_ROW_RA_REGISTER) return r_.general[row_.fp & (SAMPAN_REGISTERS - 1)];
  const int slot = SAMPAN_ROW_SLOT(row_.kind);
  if (!cpu_.link_register) return stack_.word(cfa - 8);
  if (slot == SAMPAN_SLOT_FP || popped) return frame_.exact ? MaybeWord(r_.lr) : std::nullopt;
  if (slot == SAMPAN_SLOT_BOTH) return stack_.word(cfa - words(((row_.fp >> 4) & 15) + 1));
  return stack_.word(base(cfa) + words(row_.fp) + (slot == SAMPAN_SLOT_RECORD ? 8 : 0));
}

Step Stepper::by_row() {
  if (!holds() || !find_sp()) return Step::Lost;
  const auto cfa = this->cfa();
  if (!cfa) return Step::OutOfStack;
  const int slot = SAMPAN_ROW_SLOT(row_.kind);
  const bool in_register = kind_ == SAMPAN_ROW_RA_REGISTER || (cpu_.link_register && slot == SAMPAN_SLOT_FP);
  if (in_register ? *cfa < r_.sp : *cfa <= r_.sp) return Step::Lost;
  const std::uint64_t lowest = slot == SAMPAN_SLOT_BOTH ? words(-(row_.fp & 15) - 1) : words(row_.fp);
  // Below sp: an epilogue has popped it already, though its rule still names the slot.
  const bool popped = SAMPAN_ROW_BASE(row_.kind) == SAMPAN_BASE_CFA && *cfa + lowest < r_.sp;
  const auto pc = return_address(*cfa, popped);
  if (!pc) return in_register ? Step::Lost : Step::OutOfStack;
  const bool saved = SAMPAN_ROW_BASE(row_.kind) != SAMPAN_BASE_NONE && slot != SAMPAN_SLOT_RA && !popped;
  const MaybeWord fp = saved ? stack_.word(base(*cfa) + lowest) : frame_.fp_known ? MaybeWord(r_.fp) : std::nullopt;
  if (kind_ != SAMPAN_ROW_GO_INJECTED) return enter(*pc, *cfa, fp);
  const auto lr = stack_.word(*cfa);
  if (!lr) return Step::OutOfStack;
  const Step done = enter(*pc, *cfa + 16, fp);
  r_.lr = *lr;
  frame_.exact = true;
  return done;
}

}  // namespace

std::optional<std::uint64_t> StackCopy::word(std::uint64_t address) const {
  const bool inside = address >= start && address - start <= bytes.size() && bytes.size() - (address - start) >= 8;
  if (inside) return read_at<std::uint64_t>(bytes, address - start);
  std::uint64_t value = 0;
  return live && live->read_into(address, value) ? std::optional(value) : std::nullopt;
}

Step step_by(const sampan_row& row, const StackCopy& stack, std::uint64_t address_bits, FrameState& frame) {
  Stepper stepper(row, stack, address_bits, frame);
  switch (SAMPAN_ROW_KIND(row.kind)) {
    case SAMPAN_ROW_NONE:
    case SAMPAN_ROW_FP_SWITCH: return stepper.by_frame_pointer();
    case SAMPAN_ROW_SIGNAL: return stepper.by_signal_frame();
    case SAMPAN_ROW_ROOT: return Step::Root;
    case SAMPAN_ROW_UNKNOWN: return Step::Lost;
    case SAMPAN_ROW_GO_CGO: return stepper.by_go_switch();
    default: return stepper.by_row();
  }
}

Step step(const AddressSpace& space, const StackCopy& stack, FrameState& frame) {
  const std::uint64_t pc = frame.lookup();
  const CodeRegion* region = space.find(pc);
  if (!region) return Step::Lost;
  const sampan_row* row = region->table ? find_row(region->table->rows, pc - region->bias - region->table->base) : nullptr;
  if (!row) row = &kNone;
  frame.inferred |= sampan_row_inferred(row) != 0;
  return step_by(*row, stack, space.address_bits(), frame);
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

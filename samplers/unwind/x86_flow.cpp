#include "samplers/unwind/x86_flow.hpp"

namespace sampan {
namespace {

constexpr std::int32_t kMostDepth = 1 << 18;

// `kind`: SP or FP. The caller's rbp lies at CFA - saved; 0: it is in its register.
sampan_row derived(std::int32_t cfa, std::int32_t saved, int kind) {
  const int base = saved != 0 ? SAMPAN_BASE_CFA : SAMPAN_BASE_NONE;
  return {0, static_cast<__s16>(cfa / 8), static_cast<__s8>(-saved / 8), static_cast<__u8>((kind + SAMPAN_ROW_DERIVED) | base)};
}

bool fits(std::int32_t offset, std::int32_t most) { return offset % 8 == 0 && offset / 8 <= most; }

}  // namespace

void X86Flow::load_rbp(std::int32_t from) {
  rbp = saved != 0 && from == saved ? Rbp::Callers : Rbp::Other;
  if (rbp == Rbp::Callers) saved = 0;
}

void X86Flow::apply(const X86Instruction& i) {
  const auto amount = static_cast<std::int32_t>(i.amount);
  switch (i.effect) {
    case X86Effect::Push: depth += 8; break;
    case X86Effect::PushRbp:
      depth += 8;
      if (sp_known && rbp == Rbp::Callers && saved == 0) saved = depth;
      break;
    case X86Effect::StoreRbp:
      if (sp_known && rbp == Rbp::Callers && saved == 0) saved = depth - amount;
      break;
    case X86Effect::Pop: depth -= 8; break;
    case X86Effect::PopRbp: load_rbp(sp_known ? depth : 0), depth -= 8; break;
    case X86Effect::LoadRbp: load_rbp(sp_known ? depth - amount : 0); break;
    case X86Effect::AdjustSp: depth -= amount; break;
    case X86Effect::RbpFromSp: rbp = sp_known ? Rbp::Base : Rbp::Other, base = depth; break;
    case X86Effect::SpFromRbp: sp_known = rbp == Rbp::Base, depth = base - amount; break;
    case X86Effect::Leave:
      sp_known = rbp == Rbp::Base;
      depth = base;
      load_rbp(depth), depth -= 8;
      break;
    case X86Effect::ClearRbp: case X86Effect::ChangeRbp: rbp = Rbp::Other; break;
    case X86Effect::LoadSp: case X86Effect::LosesSp: sp_known = false; break;
    default: break;
  }
  if (depth < 8 || depth > kMostDepth) sp_known = false;
  if (!sp_known) depth = 8;
  if (rbp != Rbp::Base) base = 0;
}

X86Flow X86Flow::join(const X86Flow& other) const {
  X86Flow both = *this;
  if (depth != other.depth || !other.sp_known) both.sp_known = false;
  if (!both.sp_known) both.depth = 8;
  if (rbp != other.rbp || base != other.base) both.rbp = Rbp::Other, both.base = 0;
  if (saved != other.saved) both.saved = 0, both.rbp = both.rbp == Rbp::Callers ? Rbp::Other : both.rbp;
  both.outermost = outermost && other.outermost;
  return both;
}

sampan_row X86Flow::row() const {
  constexpr sampan_row unknown{0, 0, SAMPAN_FP_DERIVED, SAMPAN_ROW_UNKNOWN};
  if (outermost) return {0, 0, SAMPAN_FP_DERIVED, SAMPAN_ROW_ROOT};
  const std::int32_t cfa = sp_known ? depth : base;
  if ((!sp_known && rbp != Rbp::Base) || !fits(cfa, INT16_MAX)) return unknown;
  const int kind = sp_known ? SAMPAN_ROW_SP : SAMPAN_ROW_FP;
  const bool callers = saved != 0 ? fits(saved, -INT8_MIN) : rbp == Rbp::Callers;
  return callers ? derived(cfa, saved, kind) : unknown;
}

}  // namespace sampan

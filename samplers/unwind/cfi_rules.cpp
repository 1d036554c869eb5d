#include "samplers/unwind/cfi_rules.hpp"

#include <dwarf.h>

#include <cstring>

namespace sampan {
namespace {

constexpr std::size_t kMostSaved = 64;
constexpr std::uint8_t kNegateRaState = 0x2d, kNegateRaStateWithPc = 0x2c;   // arm64: DW_CFA_AARCH64_…

bool fits(std::int64_t offset, std::int64_t most) { return offset % 8 == 0 && offset / 8 <= most && offset / 8 >= -most - 1; }

sampan_row unknown() { return {0, 0, 0, SAMPAN_ROW_UNKNOWN}; }

// `breg7+8 breg16+0 lit15 and litN ge lit3 shl plus`: what linkers write for lazy PLT entries of x86_64.
bool plt(Bytes expression, sampan_row& row) {
  constexpr std::uint64_t kSp = sampan_x86_64.sp, kPc = sampan_x86_64.ra;
  Cursor c(expression);
  if (c.read<std::uint8_t>() != DW_OP_breg0 + kSp) return false;
  const std::int64_t offset = c.sleb128();
  if (c.read<std::uint8_t>() != DW_OP_breg0 + kPc || c.sleb128() != 0) return false;
  if (c.read<std::uint8_t>() != DW_OP_lit15 || c.read<std::uint8_t>() != DW_OP_and) return false;
  const auto from = c.read<std::uint8_t>();
  if (from < DW_OP_lit0 || from > DW_OP_lit15) return false;
  for (const int op : {DW_OP_ge, DW_OP_lit3, DW_OP_shl, DW_OP_plus}) {
    if (c.read<std::uint8_t>() != op) return false;
  }
  if (c.bad() || c.left() != 0 || !fits(offset, INT16_MAX)) return false;
  row = {0, static_cast<__s16>(offset / 8), static_cast<__s8>(from - DW_OP_lit0), SAMPAN_ROW_PLT};
  return true;
}

// `bregN+offset`, then nothing or `deref`.
bool based(Bytes expression, std::uint64_t& reg, std::int64_t& offset, bool& deref) {
  Cursor c(expression);
  const auto op = c.read<std::uint8_t>();
  if (op < DW_OP_breg0 || op > DW_OP_breg31) return false;
  reg = op - static_cast<std::uint64_t>(DW_OP_breg0);
  offset = c.sleb128();
  deref = c.left() == 1;
  if (deref && c.read<std::uint8_t>() != DW_OP_deref) return false;
  return !c.bad() && c.left() == 0;
}

sampan_row cfa_of_expression(Bytes expression, const sampan_architecture& architecture) {
  sampan_row row{};
  if (!architecture.link_register && plt(expression, row)) return row;
  std::uint64_t reg = 0;
  std::int64_t offset = 0;
  bool deref = false;
  if (!based(expression, reg, offset, deref) || !fits(offset, INT16_MAX)) return unknown();
  row.cfa = static_cast<__s16>(offset / 8);
  if (reg == architecture.sp) row.kind = deref ? SAMPAN_ROW_DEREF_SP : SAMPAN_ROW_SP;
  else if (reg == architecture.fp) row.kind = deref ? SAMPAN_ROW_DEREF_FP : SAMPAN_ROW_FP;
  else return unknown();
  return row;
}

sampan_row cfa_of_register(const CfiRule& cfa, const sampan_architecture& architecture) {
  if (!fits(cfa.offset, INT16_MAX)) return unknown();
  sampan_row row{0, static_cast<__s16>(cfa.offset / 8), 0, SAMPAN_ROW_SP};
  if (cfa.reg == architecture.sp) return row;
  if (cfa.reg == architecture.fp) row.kind = SAMPAN_ROW_FP;
  else if (cfa.reg < architecture.general) row = {0, row.cfa, static_cast<__s8>(cfa.reg), SAMPAN_ROW_REGISTER};
  else return unknown();
  return row;
}

bool has_room(const sampan_row& row) {
  const auto kind = SAMPAN_ROW_KIND(row.kind);
  return kind != SAMPAN_ROW_PLT && kind != SAMPAN_ROW_REGISTER && kind != SAMPAN_ROW_RA_REGISTER;
}

// A slot at CFA + offset; where that is far, it may lie near to what the CFA is counted from.
bool add_slot(std::int64_t offset, int slot, sampan_row& row) {
  if (!has_room(row)) return false;
  int base = SAMPAN_BASE_CFA;
  const auto kind = SAMPAN_ROW_KIND(row.kind);
  if (!fits(offset, INT8_MAX) && (kind == SAMPAN_ROW_SP || kind == SAMPAN_ROW_FP)) {
    offset += std::int64_t{row.cfa} * 8;
    base = kind == SAMPAN_ROW_SP ? SAMPAN_BASE_SP : SAMPAN_BASE_FP;
  }
  if (!fits(offset, INT8_MAX)) return false;
  row.fp = static_cast<__s8>(offset / 8);
  row.kind = static_cast<__u8>(row.kind | base | slot);
  return true;
}

// Two slots that are no neighbours, both close below the CFA.
bool add_both(std::int64_t fp, std::int64_t ra, sampan_row& row) {
  const auto near = [](std::int64_t offset) { return offset % 8 == 0 && offset < 0 && offset >= -128; };
  if (!has_room(row) || !near(fp) || !near(ra)) return false;
  row.fp = static_cast<__s8>((-fp / 8 - 1) | (-ra / 8 - 1) << 4);
  row.kind = static_cast<__u8>(row.kind | int{SAMPAN_BASE_CFA} | int{SAMPAN_SLOT_BOTH});
  return true;
}

bool is_kept(const CfiRule& rule) { return rule.kind == CfiRule::Same || rule.kind == CfiRule::Undefined; }

bool add_fp(const CfiRule& fp, const sampan_architecture& architecture, sampan_row& row) {
  if (is_kept(fp)) return true;
  if (fp.kind == CfiRule::Offset) return add_slot(fp.offset, SAMPAN_SLOT_FP, row);
  std::uint64_t reg = 0;
  std::int64_t offset = 0;
  bool deref = false;
  if (!has_room(row) || fp.kind != CfiRule::Expression || !based(fp.expression, reg, offset, deref)) return false;
  if (reg != architecture.fp || deref || !fits(offset, INT8_MAX)) return false;
  row.fp = static_cast<__s8>(offset / 8);
  row.kind = static_cast<__u8>(row.kind | int{SAMPAN_BASE_FP} | int{SAMPAN_SLOT_FP});
  return true;
}

// Where the return address was in a register as the function was called.
bool add_saved(const CfiState& state, const sampan_architecture& architecture, sampan_row& row) {
  if (state.ra.kind == CfiRule::Same) return add_fp(state.fp, architecture, row);
  if (state.ra.kind != CfiRule::Offset) return false;
  if (is_kept(state.fp)) return add_slot(state.ra.offset, SAMPAN_SLOT_RA, row);
  if (state.fp.kind != CfiRule::Offset) return false;
  if (state.ra.offset - state.fp.offset == 8) return add_slot(state.fp.offset, SAMPAN_SLOT_RECORD, row);
  return add_both(state.fp.offset, state.ra.offset, row);
}

}  // namespace

sampan_row make_row(const CfiState& state, bool signal, const sampan_architecture& architecture) {
  if (state.ra.kind == CfiRule::Undefined) return {0, 0, 0, SAMPAN_ROW_ROOT};
  if (signal) return {0, 0, 0, SAMPAN_ROW_SIGNAL};
  sampan_row row = state.cfa.kind == CfiRule::Expression ? cfa_of_expression(state.cfa.expression, architecture)
                                                         : cfa_of_register(state.cfa, architecture);
  if (row.kind == SAMPAN_ROW_UNKNOWN) return row;
  if (state.ra.kind == CfiRule::Register && state.ra.reg < architecture.general && row.kind == SAMPAN_ROW_SP) {
    row.kind = SAMPAN_ROW_RA_REGISTER;
    row.fp = static_cast<__s8>(state.ra.reg);
  } else if (architecture.link_register) {
    return add_saved(state, architecture, row) ? row : unknown();
  } else if (state.ra.kind != CfiRule::Offset || state.ra.offset != -8) {
    return unknown();
  }
  // An fp that cannot be told is left as it is where the frame itself does not need it.
  if (!add_fp(state.fp, architecture, row) && SAMPAN_ROW_KIND(row.kind) != SAMPAN_ROW_REGISTER) return unknown();
  return row;
}

std::uint64_t read_encoded(Cursor& cursor, std::uint8_t encoding, std::uint64_t place) {
  if (encoding == DW_EH_PE_omit) return 0;
  std::uint64_t value = 0;
  switch (encoding & 0x0f) {
    case DW_EH_PE_absptr:
    case DW_EH_PE_udata8:
    case DW_EH_PE_sdata8: value = cursor.read<std::uint64_t>(); break;
    case DW_EH_PE_uleb128: value = cursor.uleb128(); break;
    case DW_EH_PE_sleb128: value = static_cast<std::uint64_t>(cursor.sleb128()); break;
    case DW_EH_PE_udata2: value = cursor.read<std::uint16_t>(); break;
    case DW_EH_PE_udata4: value = cursor.read<std::uint32_t>(); break;
    case DW_EH_PE_sdata2: value = static_cast<std::uint64_t>(std::int64_t{cursor.read<std::int16_t>()}); break;
    case DW_EH_PE_sdata4: value = static_cast<std::uint64_t>(std::int64_t{cursor.read<std::int32_t>()}); break;
    default: return 0;
  }
  if ((encoding & 0x70) == DW_EH_PE_pcrel && value != 0) value += place;
  return value;
}

void CfiMachine::set(std::uint64_t reg, const CfiRule& rule) {
  if (reg == architecture_.fp) state_.fp = rule;
  else if (reg == cie_.ra_register) state_.ra = rule;
}

void CfiMachine::restore(std::uint64_t reg) { set(reg, reg == architecture_.fp ? cie_.initial.fp : cie_.initial.ra); }

std::int64_t CfiMachine::scaled(std::uint64_t factored) const {
  return static_cast<std::int64_t>(factored * static_cast<std::uint64_t>(cie_.data_align));
}

bool CfiMachine::step(Cursor& cursor, std::uint64_t& location) {
  const auto op = cursor.read<std::uint8_t>();
  const std::uint8_t low = op & 0x3f;
  switch (op & 0xc0) {
    case DW_CFA_advance_loc: location += low * cie_.code_align; return true;
    case DW_CFA_offset: {
      set(low, {CfiRule::Offset, 0, scaled(cursor.uleb128()), {}});
      return !cursor.bad();
    }
    case DW_CFA_restore: restore(low); return true;
    default: return extended(op, cursor, location) && !cursor.bad();
  }
}

// NOLINTNEXTLINE(readability-function-size): one case an instruction, in the standard's order.
bool CfiMachine::extended(std::uint8_t op, Cursor& cursor, std::uint64_t& location) {
  const auto signed_offset = [&] { return scaled(static_cast<std::uint64_t>(cursor.sleb128())); };
  const auto offset = [&] { return scaled(cursor.uleb128()); };
  const auto block = [&] { return cursor.bytes(cursor.uleb128()); };
  std::uint64_t reg = 0;
  switch (op) {
    case DW_CFA_nop: return true;
    case DW_CFA_set_loc: {
      const auto place = address_ + cursor.at();
      location = read_encoded(cursor, cie_.pointer_encoding, place);
      return true;
    }
    case DW_CFA_advance_loc1: location += cursor.read<std::uint8_t>() * cie_.code_align; return true;
    case DW_CFA_advance_loc2: location += cursor.read<std::uint16_t>() * cie_.code_align; return true;
    case DW_CFA_advance_loc4: location += cursor.read<std::uint32_t>() * cie_.code_align; return true;
    case DW_CFA_offset_extended: reg = cursor.uleb128(); set(reg, {CfiRule::Offset, 0, offset(), {}}); return true;
    case DW_CFA_restore_extended: restore(cursor.uleb128()); return true;
    case DW_CFA_undefined: set(cursor.uleb128(), {CfiRule::Undefined, 0, 0, {}}); return true;
    case DW_CFA_same_value: set(cursor.uleb128(), {}); return true;
    case DW_CFA_register: reg = cursor.uleb128(); set(reg, {CfiRule::Register, cursor.uleb128(), 0, {}}); return true;
    case DW_CFA_remember_state:
      if (saved_.size() >= kMostSaved) return false;
      saved_.push_back(state_);
      return true;
    case DW_CFA_restore_state:
      if (saved_.empty()) return false;
      state_ = saved_.back();
      saved_.pop_back();
      return true;
    case DW_CFA_def_cfa: reg = cursor.uleb128(); state_.cfa = {CfiRule::Register, reg, static_cast<std::int64_t>(cursor.uleb128()), {}}; return true;
    case DW_CFA_def_cfa_register: state_.cfa.kind = CfiRule::Register; state_.cfa.reg = cursor.uleb128(); return true;
    case DW_CFA_def_cfa_offset: state_.cfa.offset = static_cast<std::int64_t>(cursor.uleb128()); return true;
    case DW_CFA_def_cfa_expression: state_.cfa = {CfiRule::Expression, 0, 0, block()}; return true;
    case DW_CFA_expression: reg = cursor.uleb128(); set(reg, {CfiRule::Expression, 0, 0, block()}); return true;
    case DW_CFA_offset_extended_sf: reg = cursor.uleb128(); set(reg, {CfiRule::Offset, 0, signed_offset(), {}}); return true;
    case DW_CFA_def_cfa_sf: reg = cursor.uleb128(); state_.cfa = {CfiRule::Register, reg, signed_offset(), {}}; return true;
    case DW_CFA_def_cfa_offset_sf: state_.cfa.offset = signed_offset(); return true;
    case DW_CFA_val_offset: reg = cursor.uleb128(); set(reg, {CfiRule::ValueOffset, 0, offset(), {}}); return true;
    case DW_CFA_val_offset_sf: reg = cursor.uleb128(); set(reg, {CfiRule::ValueOffset, 0, signed_offset(), {}}); return true;
    case DW_CFA_val_expression: reg = cursor.uleb128(); set(reg, {CfiRule::ValueExpression, 0, 0, block()}); return true;
    case DW_CFA_GNU_args_size: cursor.uleb128(); return true;
    case DW_CFA_GNU_negative_offset_extended: reg = cursor.uleb128(); set(reg, {CfiRule::Offset, 0, scaled(0 - cursor.uleb128()), {}}); return true;
    // Whether the return address is signed from here on: what strips a signature leaves others as they are.
    case kNegateRaState:
    case kNegateRaStateWithPc: return architecture_.link_register != 0;
    default: return false;
  }
}

}  // namespace sampan

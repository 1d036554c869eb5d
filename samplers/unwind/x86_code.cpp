#include "samplers/unwind/x86_code.hpp"

#include <algorithm>

namespace sampan {
namespace {

constexpr unsigned kRsp = 4, kRbp = 5;

// Which opcodes carry a ModRM byte and how many immediate bytes (z: 4, or 2 with the 66 prefix).
struct Shape {
  bool modrm = false;
  std::uint8_t immediate = 0;
};

bool one_byte_modrm(std::uint8_t op) {
  if (op < 0x40) return (op & 7) < 4;
  if (op >= 0x80 && op <= 0x8f) return true;
  if (op >= 0xd0 && op <= 0xd3) return true;
  if (op >= 0xd8 && op <= 0xdf) return true;
  switch (op) {
    case 0x63: case 0x69: case 0x6b: case 0xc0: case 0xc1: case 0xc6: case 0xc7:
    case 0xf6: case 0xf7: case 0xfe: case 0xff: return true;
    default: return false;
  }
}

std::uint8_t one_byte_immediate(std::uint8_t op, bool wide, bool narrow) {
  const std::uint8_t z = narrow ? 2 : 4;
  if (op < 0x40 && (op & 7) == 4) return 1;
  if (op < 0x40 && (op & 7) == 5) return z;
  if (op >= 0x70 && op <= 0x7f) return 1;
  if (op >= 0xb0 && op <= 0xb7) return 1;
  if (op >= 0xb8 && op <= 0xbf) return wide ? 8 : z;
  if (op >= 0xe0 && op <= 0xe7) return 1;
  switch (op) {
    case 0x68: case 0x69: case 0x81: case 0xa9: case 0xc7: return z;
    case 0xe8: case 0xe9: return 4;
    case 0x6a: case 0x6b: case 0x80: case 0x83: case 0xa8: case 0xc0: case 0xc1: case 0xc6: case 0xcd: case 0xeb: return 1;
    case 0xc2: case 0xca: return 2;
    case 0xc8: return 3;
    case 0xa0: case 0xa1: case 0xa2: case 0xa3: return 8;
    default: return 0;
  }
}

Shape two_byte(std::uint8_t op) {
  if (op >= 0x80 && op <= 0x8f) return {false, 4};
  if ((op >= 0x05 && op <= 0x0b) || op == 0x0e || (op >= 0x30 && op <= 0x37) || op == 0x77 ||
      (op >= 0xa0 && op <= 0xa2) || (op >= 0xa8 && op <= 0xaa) || (op >= 0xc8 && op <= 0xcf)) {
    return {false, 0};
  }
  const bool immediate = (op >= 0x70 && op <= 0x73) || op == 0xa4 || op == 0xac || op == 0xba || op == 0xc2 ||
                         (op >= 0xc4 && op <= 0xc6);
  return {true, static_cast<std::uint8_t>(immediate ? 1 : 0)};
}

// Shape of an opcode in an escape map: 1 is 0F, 2 is 0F38, 3 is 0F3A.
Shape mapped(unsigned map, std::uint8_t op) {
  if (map == 1) return two_byte(op);
  return {true, static_cast<std::uint8_t>(map == 3 ? 1 : 0)};
}

struct Operand {
  unsigned mod = 0, reg = 0, rm = 0, base = 0;
  std::int64_t displacement = 0;
};

Operand read_operand(Cursor& code, unsigned rex) {
  Operand o;
  const auto byte = code.read<std::uint8_t>();
  o.mod = byte >> 6;
  o.reg = ((byte >> 3) & 7) | ((rex & 4) << 1);
  o.rm = byte & 7;
  o.base = o.rm | ((rex & 1) << 3);
  if (o.mod == 3) return o;
  if (o.rm == 4) {
    const auto sib = code.read<std::uint8_t>();
    o.base = (sib & 7) | ((rex & 1) << 3);
    const bool indexed = (((sib >> 3) & 7) | ((rex & 2) << 2)) != 4;
    if ((sib & 7) == 5 && o.mod == 0) o.displacement = code.read<std::int32_t>(), o.base = 64;
    else if (indexed) o.base = 64;   // not a plain [base + displacement]
  } else if (o.rm == 5 && o.mod == 0) {
    o.displacement = code.read<std::int32_t>();
    o.base = 64;                     // rip-relative
  }
  if (o.mod == 1) o.displacement = code.read<std::int8_t>();
  if (o.mod == 2) o.displacement = code.read<std::int32_t>();
  return o;
}

std::int64_t read_immediate(Cursor& code, std::uint8_t size) {
  switch (size) {
    case 1: return code.read<std::int8_t>();
    case 2: return code.read<std::int16_t>();
    case 4: return code.read<std::int32_t>();
    default: code.skip(size); return 0;
  }
}

// What a plain (not VEX) instruction of the one-byte map does.
void set_effect(X86Instruction& i, std::uint8_t op, const Operand& o, std::int64_t immediate, unsigned rex) {
  const bool wide = (rex & 8) != 0;
  const bool rsp_target = o.mod == 3 && o.base == kRsp;
  const auto is = [&i](X86Effect effect, std::int64_t amount = 0) { i.effect = effect, i.amount = amount; };
  if (op >= 0x50 && op <= 0x57) return is(op == 0x55 && !(rex & 1) ? X86Effect::PushRbp : X86Effect::Push);
  if (op >= 0x58 && op <= 0x5f) {
    if (op == 0x5c && !(rex & 1)) return is(X86Effect::LosesSp);
    return is(op == 0x5d && !(rex & 1) ? X86Effect::PopRbp : X86Effect::Pop);
  }
  if (op >= 0x70 && op <= 0x7f) return is(X86Effect::Branch, immediate);
  switch (op) {
    case 0x68: case 0x6a: case 0x9c: return is(X86Effect::Push);
    case 0x9d: return is(X86Effect::Pop);
    case 0xc2: case 0xc3: return is(X86Effect::Return);
    case 0xc9: return is(X86Effect::Leave);
    case 0xe8: return is(X86Effect::Call, immediate);
    case 0x31: case 0x33:
      if (o.mod == 3 && o.reg == kRbp) return is(o.base == kRbp ? X86Effect::ClearRbp : op == 0x33 ? X86Effect::ChangeRbp : X86Effect::None);
      return;
    case 0xe9: case 0xeb: return is(X86Effect::Jump, immediate);
    case 0x81: case 0x83:
      if (!rsp_target || !wide) return;
      if ((o.reg & 7) == 0) return is(X86Effect::AdjustSp, immediate);
      if ((o.reg & 7) == 5) return is(X86Effect::AdjustSp, -immediate);
      if ((o.reg & 7) != 7) return is(X86Effect::LosesSp);   // and: aligns
      return;
    case 0x8d:
      if (o.reg == kRsp && o.base == kRsp) return is(X86Effect::AdjustSp, o.displacement);
      if (o.reg == kRsp) return is(o.base == kRbp ? X86Effect::SpFromRbp : X86Effect::LosesSp, o.displacement);
      if (o.reg == kRbp) return is(X86Effect::ChangeRbp);
      if (o.mod == 0 && o.rm == 5) return is(X86Effect::LoadAddress, o.displacement);
      return;
    case 0x8b: case 0x89: {
      const bool load = op == 0x8b;
      if (o.mod == 3) {
        const unsigned to = load ? o.reg : o.base, from = load ? o.base : o.reg;
        if (to == kRsp) return is(from == kRbp ? X86Effect::SpFromRbp : X86Effect::LosesSp);
        if (to == kRbp) return is(from == kRsp && wide ? X86Effect::RbpFromSp : X86Effect::ChangeRbp);
      } else if (o.base == kRsp && o.reg == kRbp && wide) {
        return is(load ? X86Effect::LoadRbp : X86Effect::StoreRbp, o.displacement);
      } else if (load && o.reg == kRsp) {
        return is(o.base == kRsp ? X86Effect::LoadSp : X86Effect::LosesSp, o.displacement);
      } else if (load && o.reg == kRbp) {
        return is(X86Effect::ChangeRbp);
      }
      return;
    }
    case 0xff:
      if ((o.reg & 7) == 2) return is(X86Effect::Call);
      if ((o.reg & 7) == 4) return is(X86Effect::IndirectJump);
      if ((o.reg & 7) == 6) return is(X86Effect::Push);
      return;
    case 0x8f: return is(X86Effect::Pop);
    default: return;
  }
}

}  // namespace

X86Instruction decode_x86(Bytes bytes) {
  X86Instruction i;
  Cursor code(bytes.first(std::min<std::size_t>(bytes.size(), 15)));
  bool narrow = false;
  std::uint8_t op = code.read<std::uint8_t>();
  for (unsigned n = 0; n < 5 && (op == 0x66 || op == 0xf2 || op == 0xf3 || op == 0x2e || op == 0x3e || op == 0x64 || op == 0x65 || op == 0xf0); ++n) {
    narrow |= op == 0x66;
    op = code.read<std::uint8_t>();
  }
  unsigned rex = 0;
  if ((op & 0xf0) == 0x40) rex = op & 15, op = code.read<std::uint8_t>();
  unsigned map = 0;
  bool vector = false;
  if (op == 0xc5) {
    code.skip(1);
    map = 1, vector = true;
  } else if (op == 0xc4 || op == 0x62) {
    const auto first = code.read<std::uint8_t>();
    map = first & (op == 0xc4 ? 0x1fu : 7u);
    rex = (~static_cast<unsigned>(first) >> 5) & 7u;
    code.skip(op == 0xc4 ? 1 : 2);
    vector = true;
  } else if (op == 0x0f) {
    op = code.read<std::uint8_t>();
    map = op == 0x38 ? 2 : op == 0x3a ? 3 : 1;
  }
  if (vector && (map < 1 || map > 3)) return i;
  if (vector || map > 1) op = code.read<std::uint8_t>();
  Shape shape = map ? mapped(map, op) : Shape{one_byte_modrm(op), one_byte_immediate(op, (rex & 8) != 0, narrow)};
  Operand o;
  if (shape.modrm) o = read_operand(code, rex);
  // TEST is the one of its group that has an immediate.
  if (!map && (op == 0xf6 || op == 0xf7) && (o.reg & 7) < 2) shape.immediate = op == 0xf6 ? 1 : narrow ? 2 : 4;
  const std::int64_t immediate = read_immediate(code, shape.immediate);
  if (code.bad()) return i;
  if (!map) set_effect(i, op, o, immediate, rex);
  else if (map == 1 && !vector && op >= 0x80 && op <= 0x8f) i.effect = X86Effect::Branch, i.amount = immediate;
  i.length = static_cast<std::uint8_t>(code.at());
  return i;
}

}  // namespace sampan

#include "samplers/unwind/code_bytes.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>

#include "samplers/unwind/cfi.hpp"
#include "samplers/unwind/x86_code.hpp"

namespace sampan {
namespace {

bool starts_with(Bytes code, std::initializer_list<int> bytes) {
  if (code.size() < bytes.size()) return false;
  std::size_t i = 0;
  return std::all_of(bytes.begin(), bytes.end(), [&](int b) { return b < 0 || std::to_integer<int>(code[i++]) == b; });
}

}  // namespace

Bytes CodeBytes::anywhere(std::uint64_t address) const {
  for (const Piece& piece : pieces_) {
    if (address >= piece.start && address - piece.start < piece.bytes.size()) return Bytes(piece.bytes).subspan(address - piece.start);
  }
  return {};
}

bool CodeBytes::covered(std::uint64_t address) const {
  for (const auto& [start, end] : left_out_) {
    if (address >= start && address < end) return true;
  }
  const sampan_row* row = find_row(known_, address - base_);
  return row && row->kind != SAMPAN_ROW_NONE;
}

bool ends_code(Bytes code) { return code.empty() || starts_with(code, {0xcc}) || starts_with(code, {0xf4}) || starts_with(code, {0x0f, 0x0b}); }
bool is_return(Bytes code) { return starts_with(code, {0xc3}); }
bool is_padding(Bytes code) {
  return ends_code(code) || starts_with(code, {0x90}) || starts_with(code, {0x0f, 0x1f}) || starts_with(code, {0x66, 0x0f, 0x1f}) ||
         starts_with(code, {0x66, 0x90}) || starts_with(code, {0x66, 0x2e, 0x0f, 0x1f}) || starts_with(code, {0x66, 0x66});
}

bool ends_thread(Bytes code) {
  constexpr int kMostBefore = 4;
  bool wanted = false;
  for (int n = 0; n < kMostBefore; ++n) {
    if (wanted && starts_with(code, {0x0f, 0x05})) return true;
    wanted |= starts_with(code, {0xb0, 0x3c}) || starts_with(code, {0xb8, 0x3c, 0, 0, 0}) || starts_with(code, {0x6a, 0x3c});
    const X86Instruction i = decode_x86(code);
    if (i.length == 0 || i.effect == X86Effect::Return || i.effect == X86Effect::Call) return false;
    code = code.subspan(i.length);
  }
  return wanted && starts_with(code, {0x0f, 0x05});
}

bool begins_program(Bytes code) {
  constexpr int kMostBefore = 4;
  for (int n = 0; n < kMostBefore; ++n) {
    const X86Instruction i = decode_x86(code);
    if (i.effect == X86Effect::ClearRbp) return true;
    const bool called = i.effect == X86Effect::PushRbp || i.effect == X86Effect::StoreRbp;
    if (i.length == 0 || called || i.effect == X86Effect::Call || i.effect == X86Effect::Return) return false;
    code = code.subspan(i.length);
  }
  return false;
}

bool keeps_frame_pointers(Bytes code) {
  constexpr std::array kPrologue = {std::byte{0x55}, std::byte{0x48}, std::byte{0x89}, std::byte{0xe5}};   // push rbp; mov rbp, rsp
  constexpr std::size_t kLeast = 256 * 1024, kOneIn = 4096;
  if (code.size() < kLeast) return false;
  std::size_t count = 0;
  for (auto at = code.begin(); (at = std::search(at, code.end(), kPrologue.begin(), kPrologue.end())) != code.end(); ++at) ++count;
  return count >= code.size() / kOneIn;
}

}  // namespace sampan

#include "samplers/unwind/branches.hpp"

#include <optional>

namespace sampan {
namespace {

// jmp rel32, jcc rel32.
std::uint64_t x86_64(Bytes code, std::size_t at, std::uint64_t start) {
  const auto byte = [&](std::size_t i) { return read_at<std::uint8_t>(code, i); };
  const std::size_t opcode = byte(at) == 0xe9 ? 1 : byte(at) == 0x0f && (byte(at + 1) & 0xf0) == 0x80 ? 2 : 0;
  if (opcode == 0 || at + opcode + 4 > code.size()) return 0;
  return start + at + opcode + 4 + static_cast<std::uint64_t>(std::int64_t{read_at<std::int32_t>(code, at + opcode)});
}

// `bits` of a word from `low` on, as a signed number of instructions.
std::int64_t distance(std::uint32_t word, unsigned low, unsigned bits) {
  return (static_cast<std::int64_t>(std::uint64_t{word} << (64 - low - bits)) >> (64 - bits)) * 4;
}

// b; b.cond and bc.cond; cbz and cbnz; tbz and tbnz.
std::optional<std::int64_t> arm64_distance(std::uint32_t word) {
  if ((word & 0xfc000000) == 0x14000000) return distance(word, 0, 26);
  if ((word & 0xff000000) == 0x54000000 || (word & 0x7e000000) == 0x34000000) return distance(word, 5, 19);
  if ((word & 0x7e000000) == 0x36000000) return distance(word, 5, 14);
  return {};
}

std::uint64_t arm64(Bytes code, std::size_t at, std::uint64_t start) {
  if ((start + at) % 4 != 0 || at + 4 > code.size()) return 0;
  const auto leap = arm64_distance(read_at<std::uint32_t>(code, at));
  return leap ? start + at + static_cast<std::uint64_t>(*leap) : 0;
}

}  // namespace

std::uint64_t branch_target(const sampan_architecture& architecture, Bytes code, std::size_t at, std::uint64_t start) {
  return architecture.link_register ? arm64(code, at, start) : x86_64(code, at, start);
}

}  // namespace sampan

#include "samplers/node/flow.hpp"

#include <algorithm>
#include <unordered_set>

#include "samplers/unwind/branches.hpp"
#include "samplers/unwind/x86_code.hpp"

namespace sampan::node {
namespace {

constexpr std::size_t kWindow = 1024, kLongest = 16;   // bytes; no instruction is longer
constexpr unsigned kMostJumps = 16;

using Kind = CodeFlow::Kind;

Kind kind_of(X86Effect effect) {
  switch (effect) {
    case X86Effect::Call: return Kind::Call;
    case X86Effect::Branch: return Kind::Branch;
    case X86Effect::Jump: return Kind::Jump;
    case X86Effect::Return: case X86Effect::IndirectJump: return Kind::End;
    default: return Kind::Plain;
  }
}

std::optional<CodeFlow::Instruction> x86_64(Bytes code, std::uint32_t at) {
  const auto first = read_at<std::uint8_t>(code, 0), second = read_at<std::uint8_t>(code, 1);
  const X86Instruction decoded = decode_x86(code);
  if (decoded.length == 0) return {};
  const bool stops = first == 0xcc || (first == 0x0f && second == 0x0b);   // int3, ud2
  const std::uint32_t next = at + decoded.length;
  return CodeFlow::Instruction{at, next, stops ? Kind::End : kind_of(decoded.effect), std::int64_t{next} + decoded.amount};
}

std::optional<CodeFlow::Instruction> arm64(Bytes code, std::uint32_t at) {
  if (code.size() < 4 || at % 4 != 0) return {};
  const auto word = read_at<std::uint32_t>(code, 0);
  CodeFlow::Instruction found{at, at + 4, Kind::Plain, 0};
  if (const std::uint64_t target = branch_target(sampan_aarch64, code, 0, at)) {
    found.kind = (word & 0xfc000000) == 0x14000000 ? Kind::Jump : Kind::Branch;
    found.target = static_cast<std::int64_t>(target);
  } else if ((word & 0xfc000000) == 0x94000000 || (word & 0xfffffc1f) == 0xd63f0000) {   // bl, blr
    found.kind = Kind::Call;
  } else if ((word & 0xff9ffc1f) == 0xd61f0000 || (word & 0xffe00000) == 0xd4200000 || (word & 0xffff0000) == 0) {   // br and ret, brk, udf
    found.kind = Kind::End;
  }
  return found;
}

}  // namespace

Bytes CodeFlow::bytes_at(std::uint32_t offset) {
  if (offset >= size_) return {};
  const std::size_t wanted = std::min<std::uint64_t>(kLongest, size_ - offset);
  if (offset < window_start_ || offset + wanted > window_start_ + window_.size()) {
    window_start_ = offset;
    window_.resize(std::min<std::uint64_t>(kWindow, size_ - offset));
    if (!memory_.read(start_ + offset, window_)) window_.clear();
    if (window_.empty()) return {};
  }
  return Bytes(window_).subspan(offset - window_start_, wanted);
}

std::optional<CodeFlow::Instruction> CodeFlow::at(std::uint32_t offset) {
  const Bytes code = bytes_at(offset);
  if (code.empty()) return {};
  return architecture_.link_register ? arm64(code, offset) : x86_64(code, offset);
}

bool CodeFlow::reaches(std::uint32_t from, std::uint32_t to, std::uint32_t end) {
  std::vector<std::uint32_t> ways = {from};
  std::unordered_set<std::uint32_t> seen;
  while (!ways.empty()) {
    std::uint32_t offset = ways.back();
    ways.pop_back();
    while (offset < end && seen.size() < kMostInstructions && seen.insert(offset).second) {
      if (offset == to) return true;
      const auto instruction = at(offset);
      if (!instruction) break;
      const bool leaps = instruction->kind == Kind::Branch || instruction->kind == Kind::Jump;
      if (leaps && inside(instruction->target, from, end)) ways.push_back(static_cast<std::uint32_t>(instruction->target));
      if (instruction->kind == Kind::Jump || instruction->kind == Kind::End) break;
      offset = instruction->next;
      if (offset == to) return true;   // where a call returns to may be where the next position begins
    }
  }
  return false;
}

namespace {

// Whether what lies at `from` is out of line for the branch right before `target`, to behind which it goes back.
bool returns_to(CodeFlow& flow, std::uint32_t from, std::uint32_t target) {
  const std::uint32_t length = flow.branch_bytes();
  const auto branch = target >= length ? flow.at(target - length) : std::nullopt;
  if (!branch || branch->kind != Kind::Branch || branch->next != target || branch->target < 0 || branch->target > from) return false;
  return flow.reaches(static_cast<std::uint32_t>(branch->target), from, from + 1);
}

}  // namespace

std::optional<std::uint32_t> told_at(CodeFlow& flow, const std::vector<PositionEntry>& table, std::uint32_t offset, bool exact) {
  const auto later = [](std::uint32_t code, const PositionEntry& entry) { return std::int64_t{code} < entry.code; };
  for (unsigned jumps = 0; jumps < kMostJumps; ++jumps) {
    const std::uint32_t looked_up = exact ? offset : offset - 1;
    const auto after = std::upper_bound(table.begin(), table.end(), looked_up, later);
    if (after == table.begin()) return {};
    const std::uint32_t end = after == table.end() ? UINT32_MAX : static_cast<std::uint32_t>(after->code);
    const std::int32_t from = std::prev(after)->code;
    if (from >= 0 && flow.reaches(static_cast<std::uint32_t>(from), offset, end)) return looked_up;
    // What it runs on to: an entry that begins there, or over a jump another place.
    std::optional<std::uint32_t> entry, target;
    flow.follow(offset, [&](const CodeFlow::Instruction& instruction) {
      const auto here = std::upper_bound(table.begin(), table.end(), instruction.at, later);
      if (here != table.begin() && std::prev(here)->code == static_cast<std::int64_t>(instruction.at)) entry = instruction.at;
      else if (instruction.kind == Kind::Jump) target = static_cast<std::uint32_t>(instruction.target);
      return entry || target;
    });
    if (entry || !target) return entry;
    exact = !returns_to(flow, offset, *target);
    offset = *target;
  }
  return {};
}

}  // namespace sampan::node

// arm64 code followed to its return, or back to its entry: where sp, x29 and x30 are then.
#include <utility>
#include <vector>

#include "samplers/java/arm64_code.hpp"
#include "samplers/java/machine_code.hpp"

namespace sampan::java {
namespace {

using Instruction = Arm64Instruction;
using Effect = Arm64Effect;
using Written = std::vector<std::pair<std::uint64_t, std::optional<std::uint64_t>>>;   // by address, the latest last

std::optional<std::uint64_t> word_of(const Written& written, const StackWord& word, std::uint64_t address) {
  for (auto at = written.rbegin(); at != written.rend(); ++at) {
    if (at->first == address) return at->second;
  }
  return word(address);
}

void load(const Instruction& i, CodeState& state, const Written& written, const StackWord& word) {
  if (i.fp != Instruction::kNot) {
    const auto value = word_of(written, word, state.sp + static_cast<std::uint64_t>(i.fp));
    state.fp = value.value_or(0), state.fp_known = value.has_value();
  }
  if (i.lr != Instruction::kNot) {
    const auto value = word_of(written, word, state.sp + static_cast<std::uint64_t>(i.lr));
    state.lr = value.value_or(0), state.lr_known = value.has_value();
  }
}

void store(const Instruction& i, const CodeState& state, Written& written) {
  if (i.fp != Instruction::kNot) written.emplace_back(state.sp + static_cast<std::uint64_t>(i.fp), state.fp_known ? std::optional(state.fp) : std::nullopt);
  if (i.lr != Instruction::kNot) written.emplace_back(state.sp + static_cast<std::uint64_t>(i.lr), state.lr_known ? std::optional(state.lr) : std::nullopt);
}

// False where sp is lost.
bool apply(const Instruction& i, CodeState& state, Written& written, const StackWord& word) {
  const auto amount = static_cast<std::uint64_t>(i.amount);
  switch (i.effect) {
    case Effect::AdjustSp: state.sp += amount; return true;
    case Effect::SpFromFp: state.sp = state.fp + amount; return state.fp_known;
    case Effect::FpFromSp: state.fp = state.sp + amount, state.fp_known = true; return true;
    case Effect::Store:
    case Effect::Load:
      state.sp += static_cast<std::uint64_t>(i.before);
      if (i.effect == Effect::Load) load(i, state, written, word);
      else store(i, state, written);
      state.sp += static_cast<std::uint64_t>(i.after);
      return true;
    case Effect::LosesFp: state.fp_known = false; return true;
    case Effect::LosesLr:
    case Effect::Call: state.lr_known = false; return true;
    case Effect::LosesSp: return false;
    default: return true;
  }
}

std::optional<CodeState> follow_to_return(Bytes code, std::size_t start, CodeState state, const StackWord& word, unsigned most) {
  struct Path {
    std::size_t at;
    CodeState state;
    Written written;
  };
  std::vector<Path> paths{{start, state, {}}};
  std::vector<bool> seen(code.size());
  while (!paths.empty()) {
    Path path = std::move(paths.back());
    paths.pop_back();
    for (; most > 0 && path.at < code.size() && code.size() - path.at >= 4 && !seen[path.at]; --most) {
      seen[path.at] = true;
      const Instruction i = decode_arm64(read_at<std::uint32_t>(code, path.at));
      if (i.effect == Effect::Unknown || i.effect == Effect::IndirectJump) break;
      if (i.effect == Effect::Return) {
        if (!path.state.lr_known) break;
        return path.state;
      }
      if (!apply(i, path.state, path.written, word)) break;
      const std::size_t target = path.at + static_cast<std::size_t>(i.amount);   // outside: that path ends
      path.at += 4;
      if (i.effect == Effect::Branch && target < code.size() && !seen[target]) paths.push_back({target, path.state, path.written});
      if (i.effect == Effect::Jump) path.at = target;
    }
  }
  return {};
}

std::optional<CodeState> undo_prologue(Bytes code, std::size_t at, CodeState state, const StackWord& word) {
  constexpr std::int64_t kMostFrame = 1 << 20;
  std::int64_t depth = 0;                          // how far below the caller's sp it is now
  std::optional<std::int64_t> fp_at, lr_at;        // how far below it they were saved
  if (at % 4 != 0 || at > code.size()) return {};
  for (std::size_t place = 0; place < at; place += 4) {
    const Instruction i = decode_arm64(read_at<std::uint32_t>(code, place));
    if (i.effect == Effect::LosesSp || i.effect == Effect::SpFromFp || i.effect == Effect::Unknown) return {};
    if (i.effect == Effect::AdjustSp) depth -= i.amount;
    if (i.effect != Effect::Store && i.effect != Effect::Load) continue;
    depth -= i.before;
    if (i.effect == Effect::Store && i.fp != Instruction::kNot) fp_at = fp_at.value_or(depth - i.fp);
    if (i.effect == Effect::Store && i.lr != Instruction::kNot) lr_at = lr_at.value_or(depth - i.lr);
    depth -= i.after;
  }
  if (depth < 0 || depth > kMostFrame) return {};
  state.sp += static_cast<std::uint64_t>(depth);
  const auto saved = [&](std::int64_t below) { return word(state.sp - static_cast<std::uint64_t>(below)); };
  if (fp_at) {
    const auto fp = saved(*fp_at);
    state.fp = fp.value_or(0), state.fp_known = fp.has_value();
  }
  if (lr_at) {
    const auto lr = saved(*lr_at);
    state.lr = lr.value_or(0), state.lr_known = lr.has_value();
  }
  return state;
}

std::optional<Sender> return_from(const CodeState& state, const StackWord&) {
  return state.lr_known ? std::optional(Sender{state.lr, state.sp, state.fp, state.fp_known}) : std::nullopt;
}

std::uint64_t call_target(Bytes before, std::uint64_t return_pc) {
  if (before.size() < 4) return 0;
  const auto word = read_at<std::uint32_t>(before, before.size() - 4);
  if ((word & 0xfc000000) != 0x94000000) return 0;
  return return_pc - 4 + static_cast<std::uint64_t>(decode_arm64(word).amount);
}

bool is_system_call(Bytes before) { return before.size() >= 4 && read_at<std::uint32_t>(before, before.size() - 4) == 0xd4000001; }

}  // namespace

// x0; rmethod x12; rbcp x22; x19, once x13; x30 (cpu/aarch64/register_aarch64.hpp, templateInterpreterGenerator_aarch64.cpp).
const MachineCode kArm64Code = {follow_to_return, undo_prologue, return_from, call_target, is_system_call, 0, 12, 22, 19, 13, 18, 30, 0, true};

}  // namespace sampan::java

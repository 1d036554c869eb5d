#include <functional>
#include <utility>
#include <vector>

#include "samplers/java/x86_follow.hpp"

namespace sampan::java {
namespace {

// The stack while code is followed: what was pushed on the way lies over what is there now.
class FollowedStack {
 public:
  explicit FollowedStack(const StackWord& word) : word_(word) {}
  void put(std::uint64_t address, std::optional<std::uint64_t> value) { written_.emplace_back(address, value); }
  std::optional<std::uint64_t> get(std::uint64_t address) const {
    for (auto at = written_.rbegin(); at != written_.rend(); ++at) {
      if (at->first == address) return at->second;
    }
    return word_.get()(address);
  }

 private:
  std::reference_wrapper<const StackWord> word_;
  std::vector<std::pair<std::uint64_t, std::optional<std::uint64_t>>> written_;
};

void load_rbp(CodeState& state, const FollowedStack& stack, std::uint64_t address) {
  const auto value = stack.get(address);
  state.fp = value.value_or(0);
  state.fp_known = value.has_value();
}

// False where rsp is lost.
bool apply(const X86Instruction& i, CodeState& state, FollowedStack& stack) {
  const auto amount = static_cast<std::uint64_t>(i.amount);
  const auto rbp = state.fp_known ? std::optional(state.fp) : std::nullopt;
  switch (i.effect) {
    case X86Effect::Push: stack.put(state.sp -= 8, {}); return true;
    case X86Effect::PushRbp: stack.put(state.sp -= 8, rbp); return true;
    case X86Effect::StoreRbp: stack.put(state.sp + amount, rbp); return true;
    case X86Effect::Pop: state.sp += 8; return true;
    case X86Effect::PopRbp: load_rbp(state, stack, state.sp), state.sp += 8; return true;
    case X86Effect::LoadRbp: load_rbp(state, stack, state.sp + amount); return true;
    case X86Effect::AdjustSp: state.sp += amount; return true;
    case X86Effect::RbpFromSp: state.fp = state.sp, state.fp_known = true; return true;
    case X86Effect::SpFromRbp: state.sp = state.fp + amount; return state.fp_known;
    case X86Effect::Leave:
      if (!state.fp_known) return false;
      state.sp = state.fp;
      load_rbp(state, stack, state.sp);
      state.sp += 8;
      return true;
    case X86Effect::LoadSp:
      if (const auto value = stack.get(state.sp + amount)) return state.sp = *value, true;
      return false;
    case X86Effect::LosesSp: return false;
    default: return true;
  }
}

}  // namespace

std::optional<CodeState> follow_to_return(Bytes code, std::size_t start, CodeState state, const StackWord& word, unsigned most) {
  struct Path {
    std::size_t at;
    CodeState state;
    FollowedStack stack;
  };
  std::vector<Path> paths{{start, state, FollowedStack(word)}};
  std::vector<bool> seen(code.size());
  while (!paths.empty()) {
    Path path = std::move(paths.back());
    paths.pop_back();
    for (; most > 0 && path.at < code.size() && !seen[path.at]; --most) {
      seen[path.at] = true;
      const X86Instruction i = decode_x86(code.subspan(path.at));
      if (i.length == 0 || i.effect == X86Effect::IndirectJump) break;
      if (i.effect == X86Effect::Return) return path.state;
      if (!apply(i, path.state, path.stack)) break;
      path.at += i.length;
      const std::size_t target = path.at + static_cast<std::size_t>(i.amount);   // outside: that path ends
      if (i.effect == X86Effect::Branch && target < code.size() && !seen[target]) paths.push_back({target, path.state, path.stack});
      if (i.effect == X86Effect::Jump) path.at = target;
    }
  }
  return {};
}

std::optional<CodeState> undo_prologue(Bytes code, std::size_t at, CodeState state, const StackWord& word) {
  std::uint64_t depth = 0;                     // how far below the return address rsp is now
  std::optional<std::uint64_t> saved_rbp;      // how far below it rbp was saved
  std::size_t place = 0;
  while (place < at && place < code.size()) {
    const X86Instruction i = decode_x86(code.subspan(place));
    if (i.length == 0) return {};
    switch (i.effect) {
      case X86Effect::PushRbp: depth += 8; saved_rbp = saved_rbp.value_or(depth); break;
      case X86Effect::StoreRbp: saved_rbp = saved_rbp.value_or(depth - static_cast<std::uint64_t>(i.amount)); break;
      case X86Effect::Push: depth += 8; break;
      case X86Effect::Pop: depth -= 8; break;
      case X86Effect::AdjustSp: depth -= static_cast<std::uint64_t>(i.amount); break;
      case X86Effect::None: case X86Effect::RbpFromSp: case X86Effect::Branch: case X86Effect::Call:
      case X86Effect::LoadAddress: case X86Effect::ClearRbp: case X86Effect::ChangeRbp: break;
      default: return {};
    }
    place += i.length;
  }
  if (place != at || depth > (1u << 20)) return {};
  state.sp += depth;
  if (saved_rbp) {
    const auto rbp = word(state.sp - *saved_rbp);
    state.fp = rbp.value_or(0);
    state.fp_known = rbp.has_value();
  }
  return state;
}

namespace {

std::optional<Sender> return_from(const CodeState& state, const StackWord& word) {
  const auto pc = word(state.sp);
  return pc ? std::optional(Sender{*pc, state.sp + 8, state.fp, state.fp_known}) : std::nullopt;
}

// call rel32.
std::uint64_t call_target(Bytes before, std::uint64_t return_pc) {
  if (before.size() < 5 || before[before.size() - 5] != std::byte{0xe8}) return 0;
  return return_pc + static_cast<std::uint64_t>(std::int64_t{read_at<std::int32_t>(before, before.size() - 4)});
}

bool is_system_call(Bytes before) {
  return before.size() >= 2 && before[before.size() - 2] == std::byte{0x0f} && before[before.size() - 1] == std::byte{0x05};
}

}  // namespace

// rax; rbx; r13 for both; rax.
const MachineCode kX86Code = {follow_to_return, undo_prologue, return_from, call_target, is_system_call, 0, 3, 13, 13, 13, 0, 0, 16};

}  // namespace sampan::java

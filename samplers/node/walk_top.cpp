// The innermost frame of V8's code, whose own frame may not stand yet or no more. The builtins and the just-in-time code have
// no unwind rows; both set up the frame pointer the same way. What its code tells is of x86_64 here; of arm64: walk_link.cpp.
#include <algorithm>
#include <array>

#include "samplers/node/walk.hpp"

namespace sampan::node {
namespace {

constexpr std::size_t kPrologueWithin = 140;           // bytes: checks of a tier-up lie before it
constexpr std::array kTeardown = {std::byte{0x48}, std::byte{0x8b}, std::byte{0xe5}, std::byte{0x5d}};   // mov rsp,rbp; pop rbp
constexpr std::size_t kTeardownWithin = 48;            // arguments are popped between it and the return
constexpr std::byte kRet{0xc3}, kRetN{0xc2}, kPopRbp{0x5d}, kLeave{0xc9};
constexpr std::size_t kMostPushed = 32;                // words: all registers, some of them twice as wide
constexpr std::int64_t kFunctionSlot = -2, kBytecodesSlot = -4, kOffsetSlot = -5;
constexpr std::uint64_t kLeastCode = 1 << 16;          // no code lies below
constexpr unsigned kRcx = 2, kR10 = 10;      // DWARF numbers

}  // namespace

bool Walk::is_return_address(std::uint64_t pc) {
  if (pc < 8 || place_of(pc - 1).where == Where::Native) return false;
  std::array<std::byte, 8> before;
  if (!memory_.read(pc - 8, before)) return false;
  const auto byte = [&](std::size_t back) { return std::to_integer<unsigned>(before[8 - back]); };
  if (byte(5) == 0xe8) return true;                    // call rel32
  for (std::size_t length = 2; length <= 8; ++length) {   // call r/m
    if (byte(length) != 0xff || (byte(length - 1) & 0x38) != 0x10) continue;
    const unsigned mod = byte(length - 1) >> 6, rm = byte(length - 1) & 7;
    const std::size_t sib = mod != 3 && rm == 4 ? 1 : 0;
    const std::size_t displacement = mod == 1 ? 1 : mod == 2 || (mod == 0 && rm == 5) ? 4 : 0;
    if (2 + sib + displacement == length) return true;
  }
  return false;
}

// Code that V8 compiled, where its frame does not stand: by where its prologue lies, and what comes after the pc.
std::optional<Walk::Went> Walk::jit_top(const Code& code) {
  const Registers r = at_.registers;
  const auto shape = kX86Processor.prologue;
  std::vector<std::byte> head(std::min<std::uint64_t>(kPrologueWithin + shape.size(), code.size));
  if (!memory_.read(code.start, head)) return {};
  const auto found = std::search(head.begin(), head.end(), shape.begin(), shape.end());
  const std::uint64_t top = stack_.word(r.sp).value_or(0), second = stack_.word(r.sp + 8).value_or(0);
  if (found != head.end()) {
    const std::uint64_t prologue = code.start + static_cast<std::uint64_t>(found - head.begin());
    if (r.pc <= prologue) return leave(top, r.sp + 8, r.fp);
    if (r.pc == prologue + 1 && top == r.fp) return leave(second, r.sp + 16, r.fp);
  }
  std::vector<std::byte> around(kTeardownWithin * 2);
  const std::uint64_t from = std::max(code.start, r.pc - kTeardownWithin);
  around.resize(std::min<std::uint64_t>(around.size(), code.start + code.size - from));
  if (!memory_.read(from, around)) return {};
  const std::size_t at = r.pc - from;
  if (at >= around.size()) return {};
  if (around[at] == kRet || around[at] == kRetN) return leave(top, r.sp + 8, r.fp);
  // Past the teardown: only pops and the return lie ahead.
  const auto begin = around.begin();
  for (std::size_t back = 0; back + kTeardown.size() <= at; ++back) {
    const auto teardown = begin + static_cast<std::ptrdiff_t>(at - back - kTeardown.size());
    if (!std::equal(kTeardown.begin(), kTeardown.end(), teardown)) continue;
    const auto ret = std::find_if(begin + static_cast<std::ptrdiff_t>(at), around.end(), [](std::byte b) { return b == kRet || b == kRetN; });
    const bool returned = std::any_of(teardown, begin + static_cast<std::ptrdiff_t>(at), [](std::byte b) { return b == kRet; });
    if (ret == around.end() || returned) break;
    if (is_return_address(top)) return leave(top, r.sp + 8, r.fp);
    // The arguments are gone already: the return address waits in a register.
    for (const unsigned number : {kR10, kRcx}) {
      if (is_return_address(r.general[number])) return leave(r.general[number], r.sp, r.fp);
    }
    break;
  }
  return {};
}

// Baseline code lets a builtin set up its frame: while that runs, it has none, and rbp is still its caller's.
Walk::Went Walk::unframed_caller() {
  const Place place = place_of(at_.lookup());
  Code* code = place.where == Where::Jit ? codes_.find(at_.lookup(), place.low) : nullptr;
  if (!code || code->kind != CodeKind::Baseline) return Went::On;
  use(*code);
  const auto offset = baseline_bytecode(code->offsets, {}, layout_.row.bytecodes, static_cast<std::uint32_t>(at_.registers.pc - code->start));
  if (offset != -1) return Went::On;
  if (layout_.processor->architecture->link_register) return Went::Lost;   // whose frame pointer it is then is not known
  baseline(*code, at_.registers.general[layout_.processor->function], false);
  const auto pc = stack_.word(at_.registers.sp);
  return pc ? leave(*pc, at_.registers.sp + 8, at_.registers.fp) : Went::Lost;
}

// The frame of interpreted code is that of the builtin that runs it.
bool Walk::stands_interpreted() {
  const auto bytecodes = stack_.word(slot(at_.registers.fp, kBytecodesSlot)), offset = stack_.word(slot(at_.registers.fp, kOffsetSlot));
  return slot_pushed(kOffsetSlot) && bytecodes && offset && is_smi(*offset) && heap_.is(*bytecodes, layout_.types.bytecodes);
}

bool Walk::belongs(const Code& code, const Function& function) const {
  if (code.kind == CodeKind::Baseline) return function.bytecodes && functions_.bytecodes_of(code.deopt) == function.bytecodes;
  return code.kind >= CodeKind::Maglev && outer_function(heap_, code) == function.shared;
}

// A helper that compiled code calls (DoubleToI) saves registers and takes no frame: rbp shows its caller's, of `own`, and the
// return address lies among what was pushed. The caller's code proves to be `own`'s.
std::optional<Walk::Went> Walk::pushed_over(Function& own) {
  const Registers r = at_.registers;
  for (std::size_t i = 0; i < kMostPushed; ++i) {
    const std::uint64_t at = r.sp + i * 8;
    const auto pc = at < slot(r.fp, kOffsetSlot) ? stack_.word(at) : std::nullopt;
    if (!pc) break;
    const Place place = *pc > kLeastCode && is_return_address(*pc) ? place_of(*pc - 1) : Place{};
    Code* code = place.where == Where::Jit ? codes_.find(*pc - 1, place.low) : nullptr;
    if (!code) continue;
    use(*code);
    if (!belongs(*code, own)) continue;
    found_.push_back(native_.frame(r.pc));
    return leave(*pc, at + 8, r.fp);
  }
  return {};
}

std::optional<Walk::Went> Walk::builtin_top() {
  const Registers r = at_.registers;
  const std::uint64_t top = stack_.word(r.sp).value_or(0), second = stack_.word(r.sp + 8).value_or(0);
  if (is_return_address(top)) return leave(top, r.sp + 8, r.fp);
  if (top == r.fp && is_return_address(second)) return leave(second, r.sp + 16, r.fp);
  return {};
}

// A function of WebAssembly, whose own frame may not stand yet or no more.
Walk::Went Walk::wasm_top(const WasmFunction& function, const Place& place) {
  const FrameState before = at_;
  const bool sure = !late_ || function.since <= taken_at_;
  found_.push_back(sure ? function.frame : context_.profile.intern({FrameKind::Node, "(wasm function)", {}, 0, 0}));
  Code range;
  range.start = function.start, range.size = function.size;
  if ((layout_.processor->architecture->link_register ? link_top(place) : jit_top(range)) == Went::On) return Went::On;
  at_ = before;
  const auto pc = stack_.word(at_.registers.fp + 8), fp = stack_.word(at_.registers.fp);
  return pc && fp && at_.registers.fp >= at_.registers.sp ? leave(*pc, at_.registers.fp + 16, *fp) : Went::Lost;
}

Walk::Went Walk::v8_top(const Place& place) {
  const Registers r = at_.registers;
  const FrameState before = at_;
  const bool linked = layout_.processor->architecture->link_register;
  if (place.where == Where::Builtin) {
    if ((linked ? link_top(place) : builtin_top()) == Went::On) {
      found_.push_back(native_.frame(r.pc));
      return unframed_caller();
    }
    at_ = before;
    const auto function = slot_pushed(kFunctionSlot) ? stack_.word(slot(r.fp, kFunctionSlot)) : std::nullopt;
    Function* own = function ? functions_.of_js_function(*function) : nullptr;
    const bool may_push = !linked && own && own->script && !stands_interpreted();
    if (const auto stepped = may_push ? pushed_over(*own) : std::nullopt) return *stepped;
    return standing_frame(place);
  }
  const WasmFunction* wasm = wasm_.known(r.pc);
  Code* code = wasm ? nullptr : codes_.find(r.pc, place.low);
  if (!wasm && !code) wasm = wasm_.find(r.pc, stack_.word(slot(r.fp, kFunctionSlot)).value_or(0));
  if (wasm) return wasm_top(*wasm, place);
  if (!code) return standing_frame(place);
  // Named before the step: at_ still stands in it.
  const bool framed = slot_pushed(-2) && r.fp >= r.sp;
  if ((linked ? link_top(place) : jit_top(*code)) == Went::On) {
    const FrameState after = at_;
    at_ = before;
    use(*code);
    if (code->kind == CodeKind::Baseline) baseline(*code, r.general[layout_.processor->function], false);
    else if (code->kind >= CodeKind::Maglev) optimised(*code, r.general[layout_.processor->function]);
    at_ = after;
    return Went::On;
  }
  at_ = before;
  if (code->kind == CodeKind::Regexp) {
    // It has no marker in old versions and one of its own in new ones.
    found_.push_back(context_.profile.intern({FrameKind::Node, "(regexp)", {}, 0, 0}));
    const auto pc = stack_.word(r.fp + 8);
    const auto fp = stack_.word(r.fp);
    return pc && fp && r.fp >= r.sp ? leave(*pc, r.fp + 16, *fp) : Went::Lost;
  }
  if (!framed && code->kind != CodeKind::Other) {
    // The frame pointer is set, its slots are not: the code alone tells.
    use(*code);
    if (code->kind == CodeKind::Baseline) baseline(*code, r.general[layout_.processor->function], false);
    else optimised(*code, r.general[layout_.processor->function]);
    const auto pc = stack_.word(r.fp + 8);
    const auto fp = stack_.word(r.fp);
    return pc && fp && r.fp >= r.sp ? leave(*pc, r.fp + 16, *fp) : Went::Lost;
  }
  return standing_frame(place);
}

}  // namespace sampan::node

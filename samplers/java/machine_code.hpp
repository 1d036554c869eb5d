// Code without unwind rows, as every processor's decoder sees it: what it runs with, what it leaves its caller, and what the
// walk must know of the processor besides. A row each; the decoders stand behind it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "samplers/base/architecture.h"
#include "samplers/base/cursor.hpp"

namespace sampan::java {

// What code runs with.
struct CodeState {
  std::uint64_t sp = 0;
  std::uint64_t fp = 0;
  bool fp_known = true;
  std::uint64_t lr = 0;        // where the processor has a link register
  bool lr_known = false;
};

// A caller's registers, after the return.
struct Sender {
  std::uint64_t pc = 0, sp = 0, fp = 0;
  bool fp_known = true;
};

// A word of the stack as it is now, or nothing.
using StackWord = std::function<std::optional<std::uint64_t>(std::uint64_t address)>;

struct MachineCode {
  // Follows the code from `start` to a return instruction, at most `most` instructions. A branch is taken where going straight
  // on leads round a loop or to what cannot be followed.
  std::optional<CodeState> (*follow_to_return)(Bytes code, std::size_t start, CodeState state, const StackWord& word, unsigned most);
  // Takes back a prologue: `at` was reached from the entry at 0.
  std::optional<CodeState> (*undo_prologue)(Bytes code, std::size_t at, CodeState state, const StackWord& word);
  // Where a return instruction leads.
  std::optional<Sender> (*return_from)(const CodeState& state, const StackWord& word);
  // Where the call that ends at `return_pc` leads, of the bytes before that address; 0: none that tells it.
  std::uint64_t (*call_target)(Bytes before, std::uint64_t return_pc);
  // Whether these bytes end with a system call.
  bool (*is_system_call)(Bytes before);

  // Registers of HotSpot's conventions, by DWARF number.
  std::uint8_t result;         // of a system call
  std::uint8_t method;         // a Method* that is being entered
  std::uint8_t bytecodes;      // the place in the bytecodes
  std::uint8_t sender_sp;      // while a method is being entered, or arguments are moved
  std::uint8_t old_sender_sp;  // so up to JDK `old_until`
  int old_until;
  std::uint8_t return_pc;      // where a return address may be meanwhile
  std::uint8_t pushed_most;    // bytes that a compiled method may have pushed onto its own frame (JDK 8)
  // An interpreted method takes the room that its interpreted caller kept for operands: the sender's sp is then inside its frame.
  bool overlaps = false;

  unsigned sender_register(int major) const { return major <= old_until ? old_sender_sp : sender_sp; }
};

extern const MachineCode kX86Code, kArm64Code;
inline const MachineCode& machine_code(const sampan_architecture& architecture) { return architecture.link_register ? kArm64Code : kX86Code; }

constexpr std::size_t kBytesBefore = 8;   // that call_target() and is_system_call() look at

}  // namespace sampan::java

// Walks a machine stack in user space: registers and a copy of the stack, over the rows of an address space.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "samplers/base/cursor.hpp"
#include "samplers/registers.hpp"
#include "samplers/unwind/address_space.hpp"

namespace sampan {

// A copy of the stack from an address up. Where the thread is still stopped, `live` reads what lies outside (Go's other stacks).
struct StackCopy {
  std::uint64_t start = 0;
  Bytes bytes;
  Memory* live = nullptr;
  std::optional<std::uint64_t> word(std::uint64_t address) const;
};

// A frame under way. `pc` is a return address but in the innermost frame and below a signal frame; `lr` holds there only.
struct FrameState {
  Registers registers;
  bool innermost = true;    // all of registers->general hold
  bool exact = true;        // pc is where it runs, not where it returns to
  bool fp_known = true;     // false where only pc and sp could be had
  bool sp_known = true;     // false behind a frame record that does not tell where its frame ends: sp is at least this
  const sampan_architecture* architecture = &sampan_native;
  bool inferred = false;    // a step on the way went by no unwind information: by the code itself or a frame pointer
  std::uint64_t lookup() const { return exact ? registers.pc : registers.pc - 1; }
};

enum class Step : std::uint8_t {
  Caller,     // the state is now the caller's
  Root,       // this was the thread's first function: a row says so, or that it has no return address
  OutOfStack, // the copy ends before the caller's frame
  Lost,       // no rule holds here, or what it gave makes no sense
};

// Takes the frame to its caller by one row. `address_bits`: those that a code address can have set; a return address
// may be signed in the others.
Step step_by(const sampan_row& row, const StackCopy& stack, std::uint64_t address_bits, FrameState& frame);
// Takes the frame to its caller by its row, or by its frame pointer where no row covers the code.
Step step(const AddressSpace& space, const StackCopy& stack, FrameState& frame);

constexpr std::size_t kMostFrames = 1024;

// Appends where code runs, innermost first (return addresses less one, so that each lies in its call); says how it ended.
// `inferred`, where given: set where a step went by no unwind information.
Step unwind(const AddressSpace& space, const StackCopy& stack, FrameState frame, std::vector<std::uint64_t>& addresses, bool* inferred = nullptr);

}  // namespace sampan

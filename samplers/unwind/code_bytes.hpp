// Machine code of a file or of memory, found by its addresses, and what a few bytes of it say without being executed:
// padding, a program's first instructions, a thread's last. x86-64 only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "samplers/base/cursor.hpp"
#include "samplers/unwind/rows.h"

namespace sampan {

// Owns the code's bytes. The rows of cover() must outlive it. Immutable once filled, so safe for many readers.
class CodeBytes {
 public:
  void add(std::uint64_t start, std::vector<std::byte> bytes) { pieces_.push_back({start, std::move(bytes)}); }
  // What rows (relative to base) describe already is not given by at().
  void cover(std::span<const sampan_row> known, std::uint64_t base) { known_ = known, base_ = base; }
  // Leaves out what keeps frame pointers throughout (V8's builtins): steps by them are as good there.
  void leave_out(std::uint64_t start, std::uint64_t end) { left_out_.push_back({start, end}); }

  // From an address that rows do not cover, to the piece's end; empty elsewhere.
  Bytes at(std::uint64_t address) const { return covered(address) ? Bytes{} : anywhere(address); }
  Bytes anywhere(std::uint64_t address) const;

 private:
  struct Piece {
    std::uint64_t start = 0;          // address of the first byte
    std::vector<std::byte> bytes;
  };
  bool covered(std::uint64_t address) const;
  std::vector<Piece> pieces_;
  std::span<const sampan_row> known_;
  std::uint64_t base_ = 0;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> left_out_;
};

// Nothing goes on here: int3, hlt, ud2, or no code at all.
bool ends_code(Bytes code);
// Ends, or a nop as it stands between functions.
bool is_padding(Bytes code);
// One `ret` without operands.
bool is_return(Bytes code);
// The thread ends as soon as a call before here returns: `exit` is what comes next (mov eax, 60 in one of its forms; syscall).
bool ends_thread(Bytes code);
// A program's first code clears rbp and keeps none before: nothing called it (System V ABI, "process initialization").
bool begins_program(Bytes code);
// Nearly every function in it (256 KiB and more) starts with push rbp; mov rbp, rsp.
bool keeps_frame_pointers(Bytes code);

}  // namespace sampan

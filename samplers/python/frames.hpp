// One thread's frames: the thread state, the frames where they were seen last, and the head once more, in one read.
// What changed while it was read is taken as it is when it is whole in itself: to reject it would be a bias
// against short frames. Only where changes are rare is it read once more.
#pragma once

#include <cstdint>
#include <vector>

#include "samplers/process/memory.hpp"
#include "samplers/python/threads.hpp"

namespace sampan::python {

// A frame as it was read, nothing resolved.
struct FrameSite {
  std::uint64_t address;    // of the frame
  std::uint64_t code;       // of its code object
  std::int64_t position;    // f_lasti in bytes, or the instruction's address (3.11+)
  std::uint32_t tlbc;       // which thread's copy of the bytecode (free-threaded 3.14+)
  bool entry;               // the outermost of one call of the interpreter's loop
  bool placed = true;       // false: of a chain without an entry frame, whose owner may keep no positions (Nuitka)
  // Of a walk in the kernel, which is looked at later:
  std::uint64_t check = 0;      // sampan_py_check of the code object as it was; 0: not known
  std::uint64_t argument = 0;   // up to 3.10: the first local, of which `address` is the type
};

enum class FramesRead : std::uint8_t {
  Whole,
  Changed,   // whole in itself, but the innermost frame was another at the end of the read
  None,      // the thread runs no Python now
  Stale,     // this is no longer the thread state that it was
  Torn,      // did not read as a chain of frames, several times
  Cut,       // the innermost frames of a deep stack; it changed before the others were read
};

class FrameReader {
 public:
  FrameReader(Memory& memory, const Offsets& offsets);

  // Frames innermost first, at most 262,144; remembers in `thread` where they were.
  FramesRead read(ThreadState& thread, std::vector<FrameSite>& frames);
  // The interpreter's count of freed code objects (3.14+), read after the frames of the last read().
  std::uint64_t code_generation() const { return code_generation_; }

 private:
  struct Block {
    std::uint64_t address;
    std::uint32_t size;
    std::uint32_t at;         // in buffer_
  };
  enum class Outcome : std::uint8_t { Read, Again, Gone };

  Outcome read_at_once(ThreadState& thread, bool last_try);
  bool walk(ThreadState& thread, std::vector<FrameSite>& frames, std::size_t before);
  bool ends_well(ThreadState& thread);
  bool take(Bytes frame, std::uint64_t address, std::vector<FrameSite>& frames);
  Bytes frame_at(ThreadState& thread, std::uint64_t address);
  Bytes find(std::uint64_t address, std::uint32_t size);
  bool fetch(ThreadState& thread, std::uint64_t address);
  bool fetch_block(ThreadState& thread, std::uint64_t address, std::uint32_t size);
  bool fetch_deep(ThreadState& thread, std::uint64_t address);
  bool fetch_planned(ThreadState& thread, std::size_t from);
  void plan(std::uint64_t address, std::uint32_t size);
  void remember(ThreadState& thread);
  template <typename T>
  T tstate(std::uint32_t offset) const { return read_at<T>(tstate_, offset); }

  Memory& memory_;
  const Offsets& o_;
  std::uint32_t frame_begin_, frame_size_;    // the part of a frame that is read
  std::vector<std::byte> tstate_;
  std::vector<std::byte> buffer_;
  std::vector<Block> blocks_;
  std::vector<Read> reads_;
  std::vector<std::uint64_t> outside_;        // frames outside the chunk, in the order walked
  std::size_t hint_ = 0;                      // the block where the next frame should be
  std::size_t first_ = 0;                     // of this thread state in the sites
  std::size_t earlier_ = 0, planned_ = 0;     // blocks from earlier_ on are of earlier walks, from planned_ on read later
  std::uint64_t head_ = 0, root_ = 0, code_generation_ = 0;
  bool changed_ = false, changed_late_ = false;   // the head, up to earlier_ and up to planned_
  std::uint64_t chunk_size_ = 0, chunk_from_ = 0;
  bool ended_at_boundary_ = false;            // the outermost frame was an entry frame (3.12+)
  bool endless_ = false;                      // a loop, or deeper than any stack
  std::uint32_t needed_ = 0;                  // how much of the current chunk this walk used
};

}  // namespace sampan::python

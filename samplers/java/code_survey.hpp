// What lay in the code cache at earlier times. A sample of the kernel's buffer is walked a while after it was taken, when
// other code may lie where its own did: a blob counts only where it is known to have been there at that time.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "samplers/base/clock.hpp"
#include "samplers/base/cursor.hpp"
#include "samplers/java/layout.hpp"
#include "samplers/java/observation_history.hpp"

namespace sampan::java {

struct CodeHeap {
  std::uint64_t low = 0, high = 0, segmap = 0;
  std::uint64_t most = 0;          // where the space reserved for it ends
  unsigned shift = 0;              // of a segment's size
};

class CodeSurvey {
 public:
  CodeSurvey(Memory& memory, const Layout& layout) : memory_(memory), layout_(layout) {}

  // Looks how far each heap is in use and what was put there since, which is cheap, and now and then at the compile id of
  // every blob.
  void look(std::span<const CodeHeap> heaps, std::uint64_t now);
  // There was doubt: while the VM puts code where other code was, its blobs are looked at four times as often.
  void soon() { soon_ = true; }
  // Whether the code with that compile id, which is at `start` now, was there at that time: it was seen before, or the
  // place had never been used.
  bool was_there(std::uint64_t start, std::uint32_t compile_id, std::uint64_t time) const;
  // When, at or not long before that time, no code lay anywhere in a place; nothing where some did or it is not known.
  std::optional<std::uint64_t> was_free(std::uint64_t start, std::uint64_t end, std::uint64_t time) const;

 private:
  struct Known {
    std::uint64_t start;
    std::uint64_t since = 0;       // when it was first seen
    std::uint32_t id = 0;
    std::uint64_t segments = 0;    // of its block
    bool is_free = false;          // the block
  };
  struct Survey {
    std::uint64_t time = ~std::uint64_t{0};   // when it began
    std::vector<Known> blobs;                 // by start
  };
  using Ends = std::array<std::pair<std::uint64_t, std::uint64_t>, 8>;   // per heap: [end of use, end of the heap)
  static bool unused(const Ends& ends, std::uint64_t start);   // no code had ever lain there
  std::uint64_t end_of_use(const CodeHeap& heap, std::uint64_t from);
  void survey(std::span<const CodeHeap> heaps);
  void note_new(std::span<const CodeHeap> heaps, const Ends& from);
  void list_starts(const CodeHeap& heap, std::uint64_t from, std::uint64_t end);   // into next_
  void take_ids();                                                                  // of next_
  void read_block(Bytes header, Known& known) const;
  static bool by_start(const Known& a, const Known& b) { return a.start < b.start; }
  static const Known* holding(const Survey& survey, std::uint64_t start);

  Memory& memory_;
  const Layout& layout_;
  Survey now_, before_, next_;
  unsigned shift_ = 0;             // of the heaps: one for all
  Ends ends_{}, last_ends_{};      // now and at the last look
  ObservationHistory<Ends> ends_before_;
  std::uint64_t next_look_ = 0;
  std::uint64_t next_survey_ = 0, soon_survey_ = 0;
  bool soon_ = false;
};

}  // namespace sampan::java

// Machine code that V8 made: which Code object a pc lies in, found by scanning back for the header that every piece of code
// begins with. No table of V8's own is needed: those were moved with each version, and know nothing of code on its way out.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <unordered_set>
#include <vector>

#include "flamegraph/profile.hpp"
#include "samplers/node/heap.hpp"
#include "samplers/node/positions.hpp"

namespace sampan::node {

enum class CodeKind : std::uint8_t { Other, Regexp, Baseline, Maglev, Turbofan };

// What optimised code's deoptimization data holds.
struct Deoptimization {
  std::vector<std::uint64_t> elements;
  std::vector<std::byte> translations;
  std::vector<std::byte> inlinings;          // 16 bytes each: position i64, literal's number i32
  std::vector<std::byte> safepoints;         // the safepoint table, from the code's end on
};

struct Code {
  std::uint64_t stream = 0;                  // where its header lies
  std::uint64_t start = 0, size = 0;         // its instructions
  std::uint64_t object = 0;                  // its Code object, tagged
  CodeKind kind = CodeKind::Other;
  std::uint64_t deopt = 0, positions_word = 0;
  std::vector<Witness> witnesses;
  std::uint64_t since = 0;                   // when it was read first, ns
  // Filled by those who ask.
  bool tables_read = false;
  std::vector<PositionEntry> positions;      // optimised code: of its source
  std::vector<std::byte> offsets;            // baseline: pc → bytecode
  Deoptimization deoptimization;
  bool holds(std::uint64_t pc) const { return pc >= start && pc - start <= size; }
};

class Codes {
 public:
  explicit Codes(const Heap& heap) : heap_(heap) {}

  // The code that a pc outside the embedded builtins lies in, not below `low`, or nullptr (WebAssembly, trampolines).
  // Holds until trim() or forget().
  Code* find(std::uint64_t pc, std::uint64_t low);
  // Reads positions and, of optimised code, deoptimization data.
  void read_tables(Code& code);
  void forget(std::uint64_t start);
  void trim();

 private:
  std::optional<std::uint64_t> scan(std::uint64_t pc, std::uint64_t low);
  void watch_elements(Code& code) const;
  bool is_header(std::uint64_t map_word);
  std::optional<Code> read(std::uint64_t stream, std::uint64_t pc) const;
  void read_deoptimization(Code& code) const;

  const Heap& heap_;
  std::map<std::uint64_t, Code> codes_;      // by start
  std::vector<std::uint64_t> headers_;       // map words that code begins with
  std::vector<std::byte> window_;
  // Of this walk: a stack of nothing but strange addresses is not searched for all of them.
  std::size_t searched_ = 0;                 // bytes
  std::unordered_set<std::uint64_t> missed_; // pcs
};

}  // namespace sampan::node

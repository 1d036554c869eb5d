#include "samplers/node/deopt.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

#include "samplers/node/flow.hpp"

namespace sampan::node {
namespace {

constexpr std::int32_t kElements = 16, kWrapped = 8;
constexpr std::uint32_t kMostFrames = 256, kMostOperations = 200'000;
constexpr std::size_t kInliningBytes = 16;
constexpr std::int64_t kExitBytes = 4;

std::uint64_t literal(const Heap& heap, const Code& code, std::int64_t index) {
  const Row& row = heap.layout().row;
  const auto& elements = code.deoptimization.elements;
  const auto at = static_cast<std::size_t>(row.deopt_literals);
  if (index < 0 || index > 1 << 20 || at >= elements.size() || !is_object(elements[at])) return 0;
  const std::uint64_t length = heap.field(elements[at], 8);
  if (!is_smi(length) || index >= smi(length)) return 0;
  const std::uint64_t word = heap.field(elements[at], kElements + static_cast<std::int32_t>(index) * 8);
  return (word & 1) && word > 3 ? word & ~std::uint64_t{2} : 0;   // perhaps weak
}

// Reads the instructions of one translation, those that it shares with an earlier one too (deoptimization-data.cc).
class Translation {
 public:
  Translation(Bytes bytes, std::uint32_t index, const Deopts& deopts) : cursor_(bytes), earlier_(bytes), deopts_(deopts), opcodes_(std::strlen(deopts.operands)) {
    cursor_.seek(index);
    const auto begin = cursor_.read<std::uint8_t>();
    good_ = begin == deopts.translation_begin || begin == deopts.translation_begin + 1;
    const std::uint64_t distance = cursor_.uleb128();
    frames_ = number(cursor_);
    js_frames_ = number(cursor_);
    if (distance > index) good_ = false;
    if (distance && good_) {
      earlier_.seek(index - distance);
      const auto opcode = earlier_.read<std::uint8_t>();
      good_ = opcode == deopts.translation_begin || opcode == deopts.translation_begin + 1;
      skip_operands(earlier_, opcode);
      has_earlier_ = true;
    }
  }
  bool good() const { return good_ && !cursor_.bad() && !earlier_.bad(); }
  std::int64_t js_frames() const { return js_frames_; }

  // The next instruction's opcode, its operands in `operands`; nothing at the end.
  std::optional<unsigned> next(std::int64_t (&operands)[8]) {
    if (copy_ == 0) {
      const auto byte = cursor_.read<std::uint8_t>();
      if (cursor_.bad()) return {};
      const bool explicit_match = byte == opcodes_ - 1;
      if (!explicit_match && byte < opcodes_) {
        ++since_;
        return take(cursor_, byte, operands);
      }
      copy_ = explicit_match ? cursor_.uleb128() : byte - opcodes_;
      if (!has_earlier_ || copy_ == 0 || copy_ > kMostOperations || since_ > kMostOperations) return {};
      for (; since_ > 0; --since_) {
        skip_operands(earlier_, earlier_.read<std::uint8_t>());
        if (earlier_.bad()) return {};
      }
    }
    --copy_;
    const auto byte = earlier_.read<std::uint8_t>();
    if (earlier_.bad() || byte >= opcodes_ - 1) return {};
    return take(earlier_, byte, operands);
  }

 private:
  static std::int64_t number(Cursor& cursor) { return unzigzag(cursor.uleb128()); }
  void skip_operands(Cursor& cursor, unsigned opcode) const {
    const int count = opcode < opcodes_ ? deopts_.operands[opcode] - '0' : 0;
    for (int i = 0; i < count; ++i) cursor.uleb128();
  }
  std::optional<unsigned> take(Cursor& cursor, unsigned opcode, std::int64_t (&operands)[8]) const {
    const int count = deopts_.operands[opcode] - '0';
    for (int i = 0; i < count; ++i) operands[i] = number(cursor);
    if (cursor.bad()) return {};
    return opcode;
  }

  Cursor cursor_, earlier_;
  const Deopts& deopts_;
  std::size_t opcodes_;
  std::int64_t frames_ = 0, js_frames_ = 0;
  std::uint64_t copy_ = 0, since_ = 0;
  bool good_ = false, has_earlier_ = false;
};

struct Safepoint {
  std::uint32_t pc = 0;
  std::int32_t index = -1, trampoline = -1;
};

// Calls `visit` for each entry until it returns true.
template <typename Visit>
void each_safepoint(const Row& row, const Code& code, Visit visit) {
  const Bytes table = code.deoptimization.safepoints;
  const std::size_t lead = row.deopts->safepoint_words == 3 ? 4 : 0;
  const auto length = read_at<std::uint32_t>(table, lead), config = read_at<std::uint32_t>(table, lead + 4);
  const bool maglev = code.kind == CodeKind::Maglev, deopts = (config & 1) != 0;
  const unsigned register_bytes = config >> 1 & 7, pc_bytes = config >> 4 & 7, index_bytes = config >> 7 & 7;
  if (pc_bytes == 0 || pc_bytes > 4 || index_bytes > 4) return;
  Cursor cursor(table);
  cursor.seek((maglev ? row.deopts->safepoint_words_maglev : row.deopts->safepoint_words) * std::size_t{4});
  const auto number = [&cursor](unsigned bytes) {
    std::uint32_t value = 0;
    for (unsigned i = 0; i < bytes; ++i) value |= std::uint32_t{cursor.read<std::uint8_t>()} << (8 * i);
    return value;
  };
  for (std::uint32_t i = 0; i < length; ++i) {
    Safepoint point;
    point.pc = number(pc_bytes);
    if (deopts) {
      point.index = static_cast<std::int32_t>(number(index_bytes)) - 1;
      point.trampoline = static_cast<std::int32_t>(number(pc_bytes)) - 1;
    }
    cursor.skip(register_bytes + (maglev ? 1 : 0));
    if (cursor.bad() || visit(point)) return;
  }
}

std::optional<std::uint32_t> exits_start(const Row& row, const Code& code) {
  const auto& elements = code.deoptimization.elements;
  const std::size_t at = row.deopts->first_entry - 3u;
  if (at >= elements.size() || !is_smi(elements[at])) return {};
  return static_cast<std::uint32_t>(smi(elements[at]));
}

// The deoptimisation that comes next as the code runs on from a place: a conditional jump to an exit, or a call's safepoint.
std::int32_t next_deopt_index(const Heap& heap, const Code& code, CodeFlow& flow, std::uint32_t offset) {
  const Row& row = heap.layout().row;
  const auto exits = exits_start(row, code);
  const std::size_t first = row.deopts->first_entry, elements = code.deoptimization.elements.size();
  const auto count = static_cast<std::int64_t>((elements - std::min(elements, first)) / 3);
  const bool exits_known = exits && !heap.layout().processor->architecture->link_register;   // they are read of x86_64's code alone
  std::int32_t index = -1;
  flow.follow(offset, [&](const CodeFlow::Instruction& instruction) {
    if (instruction.kind == CodeFlow::Kind::Call) {
      index = deopt_index_of_call(row, code, instruction.next);
    } else if (exits_known && instruction.kind == CodeFlow::Kind::Branch) {
      const std::int64_t past = instruction.target - *exits;
      if (past >= 0 && past % kExitBytes == 0 && past / kExitBytes < count) index = static_cast<std::int32_t>(past / kExitBytes);
    }
    return index >= 0;
  });
  return index;
}

}  // namespace

std::uint64_t outer_function(const Heap& heap, const Code& code) {
  const Row& row = heap.layout().row;
  const auto& elements = code.deoptimization.elements;
  const auto at = static_cast<std::size_t>(row.deopt_shared);
  if (at >= elements.size()) return 0;
  return row.deopt_shared_wrapped ? heap.field(elements[at], kWrapped) : elements[at];
}

bool spots_by_positions(const Heap& heap, const Code& code, std::int32_t offset, std::vector<Spot>& out) {
  auto position = position_at(code.positions, offset);
  if (!position) return false;
  const Bytes inlinings = code.deoptimization.inlinings;
  const std::size_t before = out.size();
  for (unsigned depth = 0; position->inlined() >= 0; ++depth) {
    const std::size_t at = static_cast<std::size_t>(position->inlined()) * kInliningBytes;
    if (depth >= kMostFrames || at + kInliningBytes > inlinings.size()) return out.resize(before), false;
    const auto function = read_at<std::int32_t>(inlinings, at + 8);
    const std::uint64_t shared = function < 0 ? outer_function(heap, code) : literal(heap, code, function);
    out.push_back({shared, Spot::kNone, position->external() ? Spot::kNone : position->offset()});
    position = SourcePosition{read_at<std::uint64_t>(inlinings, at)};
  }
  out.push_back({outer_function(heap, code), Spot::kNone, position->external() ? Spot::kNone : position->offset()});
  return true;
}

bool spots_by_translation(const Heap& heap, const Code& code, std::uint32_t index, std::vector<Spot>& out) {
  const Row& row = heap.layout().row;
  const auto& elements = code.deoptimization.elements;
  const std::size_t at = row.deopts->first_entry + std::size_t{index} * 3 + 1;
  if (at >= elements.size() || !is_smi(elements[at]) || smi(elements[at]) < 0) return false;
  Translation translation(code.deoptimization.translations, static_cast<std::uint32_t>(smi(elements[at])), *row.deopts);
  if (!translation.good() || translation.js_frames() <= 0 || translation.js_frames() > kMostFrames) return false;
  std::vector<Spot> found;
  for (std::uint32_t count = 0; static_cast<std::int64_t>(found.size()) < translation.js_frames(); ++count) {
    std::int64_t operands[8] = {};
    const auto opcode = count < kMostOperations ? translation.next(operands) : std::nullopt;
    if (!opcode) return false;
    if (*opcode > 3) continue;
    const bool bytecodes = *opcode < 2;
    found.push_back({literal(heap, code, operands[1]), bytecodes ? static_cast<std::int32_t>(operands[0]) : Spot::kNone, Spot::kNone});
  }
  // The outermost is the function that was optimised: what is read out of step is not believed.
  if (found.front().shared != outer_function(heap, code)) return false;
  out.insert(out.end(), found.rbegin(), found.rend());
  return true;
}

std::int32_t deopt_index_of_call(const Row& row, const Code& code, std::uint32_t offset) {
  std::int32_t index = -1;
  each_safepoint(row, code, [&](const Safepoint& point) {
    const bool found = point.pc == offset || (point.trampoline >= 0 && static_cast<std::uint32_t>(point.trampoline) == offset);
    if (found) index = point.index;
    return found;
  });
  return index;
}

bool find_spots(const Heap& heap, const Code& code, std::uint64_t pc, bool exact, std::vector<Spot>& out) {
  const Row& row = heap.layout().row;
  const auto offset = static_cast<std::uint32_t>(pc - code.start);
  const bool translates = row.deopts && !code.deoptimization.safepoints.empty();
  if (translates && !exact) {
    const std::int32_t index = deopt_index_of_call(row, code, offset);
    if (index >= 0 && spots_by_translation(heap, code, static_cast<std::uint32_t>(index), out)) return true;
  }
  CodeFlow flow(heap.memory(), *heap.layout().processor->architecture, code.start, code.size);
  const auto told = told_at(flow, code.positions, offset, exact);
  std::vector<Spot> own, ahead;
  if (told) spots_by_positions(heap, code, static_cast<std::int32_t>(*told), own);
  if (translates) {
    const std::int32_t index = next_deopt_index(heap, code, flow, offset);
    if (index >= 0) spots_by_translation(heap, code, static_cast<std::uint32_t>(index), ahead);
  }
  if (own.empty()) own.swap(ahead);
  // Nothing tells which inlined function it is, if any.
  if (own.empty()) own.push_back({outer_function(heap, code), Spot::kNone, Spot::kNone});
  // Outer functions in which both are at the same call: their places are the translation's.
  for (std::size_t i = 1; i < own.size() && i < ahead.size(); ++i) {
    Spot& mine = own[own.size() - i];
    const Spot& theirs = ahead[ahead.size() - i];
    if (mine.shared != theirs.shared || own[own.size() - i - 1].shared != ahead[ahead.size() - i - 1].shared) break;
    mine = theirs;
  }
  out.insert(out.end(), own.begin(), own.end());
  return own.front().shared != 0;
}

}  // namespace sampan::node

#include "samplers/unwind/derived_rows.hpp"

#include <elf.h>

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "samplers/unwind/flow_map.hpp"
#include "samplers/unwind/function_finder.hpp"
#include "samplers/unwind/x86_code.hpp"
#include "samplers/unwind/x86_flow.hpp"

namespace sampan {
namespace {

constexpr std::size_t kMostInstructions = 6'000'000;
// All code is read and searched for calls: not where that is much work for next to nothing.
constexpr std::uint64_t kMostText = std::uint64_t{32} << 20, kSmallText = 4 << 20, kManyGaps = 32 * 1024;
constexpr std::uint64_t kMostData = std::uint64_t{64} << 20;
constexpr std::uint64_t kLeastGap = 48;                         // bytes: what is shorter is padding between functions
constexpr int kMostFills = 4096;

// Follows every function along all its branches, and says at each instruction where the return address is.
class Deriver {
 public:
  Deriver(const CodeBytes& code, const FunctionFinder& found) : code_(code), starts_(found.starts()), budget_(found.budget()) {}

  std::vector<sampan_row> rows(std::uint64_t entry, std::uint64_t base) {
    entry_ = entry;
    for (const std::uint64_t start : starts_) follow_function(start);
    if (!tails_.empty()) {
      starts_.insert(tails_.begin(), tails_.end());
      runs_.clear();
      for (const std::uint64_t start : starts_) follow_function(start);
    }
    return rows_of_runs(base);
  }
  // The starts that it was given, and those that jumps led to.
  const std::set<std::uint64_t>& starts() const { return starts_; }

 private:
  // A jump out of a function that has left everything as it found it: its target is a function of its own.
  void take_tail_call(std::uint64_t target) {
    const auto next = starts_.upper_bound(start_);
    const bool outside = target < start_ || (next != starts_.end() && target > *next);
    if (outside && target % 16 == 0 && !starts_.contains(target) && !code_.at(target).empty()) tails_.insert(target);
  }

  void follow_function(std::uint64_t start) {
    start_ = start;
    X86Flow flow;
    flow.outermost = start == entry_ && begins_program(code_.at(start));
    jumps_.clear();
    follow(start, start, flow);
    const bool agreed = !jumps_.empty() && std::all_of(jumps_.begin(), jumps_.end(), [&](const X86Flow& f) { return f == jumps_.front(); });
    if (agreed) fill(start);
    keep_runs();
  }

  // Where a switch jumps to cannot be seen: what nothing else leads to, up to the next function, is its.
  void fill(std::uint64_t start) {
    const X86Flow flow = jumps_.front();
    const auto next = starts_.upper_bound(start);
    const std::uint64_t end = next == starts_.end() ? ~std::uint64_t{0} : *next;
    std::uint64_t at = start;
    for (int fills = 0; at < end && fills < kMostFills;) {
      if (const FlowMap::Seen* seen = seen_.find(at)) {
        at += seen->length;
      } else if (const Bytes code = code_.at(at); code.empty()) {
        return;
      } else if (is_padding(code)) {
        at += std::max<std::uint64_t>(1, decode_x86(code).length);
      } else {
        ++fills;
        follow(start, at, flow);
        if (!seen_.find(at)) return;
      }
    }
  }

  void follow(std::uint64_t start, std::uint64_t at, X86Flow flow) {
    ways_.push_back({at, flow});
    while (!ways_.empty()) {
      std::tie(at, flow) = ways_.back();
      ways_.pop_back();
      while (budget_ > 0 && (at == start || !starts_.contains(at)) && one(at, flow)) --budget_;
    }
  }

  // Takes one instruction; false where this way ends.
  bool one(std::uint64_t& at, X86Flow& flow) {
    const Bytes code = code_.at(at);
    if (ends_code(code)) return false;
    const X86Instruction i = decode_x86(code);
    if (i.length == 0) return false;
    const auto [known, fresh] = seen_.add(at, flow, i.length);
    if (!fresh) {
      const X86Flow both = known->flow.join(flow);
      if (both == known->flow) return false;
      known->flow = flow = both;
    }
    const std::uint64_t next = at + i.length, target = next + static_cast<std::uint64_t>(i.amount);
    if (i.effect == X86Effect::Return) return false;
    if (i.effect == X86Effect::IndirectJump) return jumps_.push_back(flow), false;
    if (i.effect == X86Effect::Call) {
      const Bytes after = code.subspan(i.length);
      known->root = ends_thread(after);
      if (ends_code(after) || starts_.contains(behind_padding(next))) return false;   // it does not return
    }
    if (i.effect == X86Effect::Jump && flow == X86Flow{}) take_tail_call(target);
    flow.apply(i);
    if (i.effect == X86Effect::Branch) ways_.push_back({target, flow});
    at = i.effect == X86Effect::Jump ? target : next;
    return true;
  }

  std::uint64_t behind_padding(std::uint64_t at) const {
    for (Bytes code = code_.at(at); !ends_code(code) && is_padding(code); code = code_.at(at)) at += std::max<std::uint64_t>(1, decode_x86(code).length);
    return at;
  }

  // Instructions side by side of which one row holds.
  struct Run {
    std::uint64_t start, end;
    sampan_row row;
  };
  static bool same(const sampan_row& a, const sampan_row& b) { return a.kind == b.kind && a.cfa == b.cfa && a.fp == b.fp; }

  // The function under way is done: what is kept of it are its rows.
  void keep_runs() {
    const std::size_t first = runs_.size();
    for (const FlowMap::Seen& seen : seen_.take_sorted()) {
      const sampan_row row = seen.root ? sampan_row{0, 0, SAMPAN_FP_DERIVED, SAMPAN_ROW_ROOT} : seen.flow.row();
      const bool any = runs_.size() > first;
      if (any && seen.at < runs_.back().end) continue;   // inside of another instruction: one of the two is none
      if (any && seen.at == runs_.back().end && same(row, runs_.back().row)) runs_.back().end += seen.length;
      else runs_.push_back({seen.at, seen.at + seen.length, row});
    }
  }

  // Code that functions share by jumps into each other has a row where they agree.
  std::vector<sampan_row> rows_of_runs(std::uint64_t base) {
    std::sort(runs_.begin(), runs_.end(), [](const Run& a, const Run& b) { return a.start < b.start; });
    std::vector<sampan_row> rows;
    std::uint64_t end = 0;   // of what rows cover so far
    const auto push = [&](std::uint64_t at, sampan_row row) {
      row.pc = static_cast<std::uint32_t>(at - base);
      if (!rows.empty() && rows.back().pc == row.pc) rows.pop_back();
      if (rows.empty() || !same(rows.back(), row)) rows.push_back(row);
    };
    const sampan_row none{0, 0, 0, SAMPAN_ROW_NONE}, unknown{0, 0, SAMPAN_FP_DERIVED, SAMPAN_ROW_UNKNOWN};
    for (const Run& run : runs_) {
      if (run.start < base || run.end - base >= UINT32_MAX - 16) continue;
      if (run.start > end && end != 0) push(end, none);
      const bool disagree = run.start < end && !same(run.row, rows.back());
      push(run.start, disagree ? unknown : run.row);
      end = std::max(end, run.end);
    }
    if (end != 0) push(end, none);
    return rows;
  }

  const CodeBytes& code_;
  std::set<std::uint64_t> starts_;
  std::vector<std::pair<std::uint64_t, X86Flow>> ways_;
  std::vector<X86Flow> jumps_;              // where the function under way jumps through a register
  FlowMap seen_;                            // of the function under way
  std::vector<Run> runs_;                   // of all functions so far
  std::set<std::uint64_t> tails_;           // where functions go on to others by a jump
  std::uint64_t entry_ = 0, start_ = 0;     // start_: of the function under way
  std::size_t budget_;
};

// Visits code that no row covers, short gaps not.
template <typename Visit>
void each_gap(const ElfFile& file, std::span<const sampan_row> known, std::uint64_t base, Visit visit) {
  for (const ElfSegment& s : file.segments()) {
    if (!(s.flags & PF_X)) continue;
    std::uint64_t at = s.address;
    const std::uint64_t end = s.address + s.file_size;
    const auto count = [&](std::uint64_t to) {
      if (to > at && to - at >= kLeastGap) visit(at, to);
    };
    for (std::size_t i = 0; i < known.size(); ++i) {
      const std::uint64_t from = base + known[i].pc;
      const std::uint64_t to = i + 1 < known.size() ? base + known[i + 1].pc : end;
      if (known[i].kind == SAMPAN_ROW_NONE || from < s.address || from >= end) continue;
      count(from);
      at = std::max(at, to);
    }
    count(end);
  }
}

// Words of the file's data, and what its relocations will make of them, that may point to functions.
template <typename Visit>
void each_pointer(const ElfFile& file, Visit visit) {
  for (const ElfSection& section : file.sections()) {
    if (section.type != SHT_RELA || section.size > kMostData) continue;
    const auto bytes = file.bytes(section);
    for (std::size_t at = 0; at + sizeof(Elf64_Rela) <= bytes.size(); at += sizeof(Elf64_Rela)) {
      const auto entry = read_at<Elf64_Rela>(bytes, at);
      if (ELF64_R_TYPE(entry.r_info) == R_X86_64_RELATIVE) visit(static_cast<std::uint64_t>(entry.r_addend));
    }
  }
  for (const ElfSegment& s : file.segments()) {
    if ((s.flags & PF_X) || !(s.flags & PF_W) || s.file_size > kMostData) continue;
    std::vector<std::byte> bytes(s.file_size);
    if (!file.read(s.address, bytes)) continue;
    for (std::size_t at = (8 - s.address % 8) % 8; at + 8 <= bytes.size(); at += 8) visit(read_at<std::uint64_t>(bytes, at));
  }
}

}  // namespace

DerivedRows derive_rows(const ElfFile& file, std::span<const sampan_row> known, std::span<const std::uint32_t> functions, std::uint64_t base) {
  DerivedRows out;
  std::uint64_t gaps = 0;
  if (file.architecture().machine == EM_X86_64) each_gap(file, known, base, [&](std::uint64_t from, std::uint64_t to) { gaps += to - from; });
  std::uint64_t text = 0;
  for (const ElfSegment& s : file.segments()) text += s.flags & PF_X ? s.file_size : 0;
  if (gaps == 0 || text > kMostText || (text > kSmallText && gaps < kManyGaps)) return out;
  CodeBytes code;
  for (const ElfSegment& s : file.segments()) {
    if (!(s.flags & PF_X) || s.file_size > kMostData) continue;
    std::vector<std::byte> bytes(s.file_size);
    if (!file.read(s.address, bytes)) continue;
    code.add(s.address, std::move(bytes));
  }
  code.cover(known, base);
  each_gap(file, known, base, [&](std::uint64_t from, std::uint64_t to) {
    const Bytes gap = code.anywhere(from);
    if (gap.size() >= to - from && keeps_frame_pointers(gap.first(to - from))) code.leave_out(from, to);
  });
  FunctionFinder finder(code, kMostInstructions);
  finder.add_start(file.entry());
  file.each_symbol([&](const ElfSymbol& symbol) {
    if (symbol.type == STT_FUNC || symbol.type == STT_GNU_IFUNC) finder.add_start(symbol.address);
  });
  for (std::size_t i = 0; i < functions.size(); ++i) {
    finder.search(base + functions[i], i + 1 < functions.size() ? base + functions[i + 1] : ~std::uint64_t{0});
  }
  finder.explore();
  finder.take_pointers();
  each_pointer(file, [&](std::uint64_t address) { finder.add_pointer(address); });
  finder.take_pointers();
  Deriver deriver(code, finder);
  out.rows = deriver.rows(file.entry(), base);
  for (const std::uint64_t start : deriver.starts()) {
    if (start >= base && start - base < UINT32_MAX) out.functions.push_back(static_cast<std::uint32_t>(start - base));
  }
  return out;
}

std::vector<sampan_row> derive_rows(Bytes bytes, std::uint64_t address, std::span<const std::uint64_t> starts) {
  CodeBytes code;
  code.add(address, {bytes.begin(), bytes.end()});
  FunctionFinder finder(code, kMostInstructions);
  for (const std::uint64_t start : starts) finder.add_start(start);
  finder.explore();
  return Deriver(code, finder).rows(starts.empty() ? 0 : starts.front(), address);
}

}  // namespace sampan

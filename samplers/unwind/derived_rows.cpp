#include "samplers/unwind/derived_rows.hpp"

#include <elf.h>

#include <algorithm>
#include <array>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "samplers/unwind/cfi.hpp"
#include "samplers/unwind/x86_flow.hpp"

namespace sampan {
namespace {

constexpr std::size_t kMostInstructions = 6'000'000;
// All code is read and searched for calls: not where that is much work for next to nothing.
constexpr std::uint64_t kMostText = std::uint64_t{32} << 20, kSmallText = 4 << 20, kManyGaps = 32 * 1024;
constexpr std::uint64_t kMostData = std::uint64_t{64} << 20;
constexpr std::uint64_t kLeastGap = 48;                         // bytes: what is shorter is padding between functions
constexpr int kMostFills = 4096;

struct Piece {
  std::uint64_t start = 0;
  std::vector<std::byte> bytes;
};

class Code {
 public:
  void add(std::uint64_t start, std::vector<std::byte> bytes) { pieces_.push_back({start, std::move(bytes)}); }
  void cover(std::span<const sampan_row> known, std::uint64_t base) { known_ = known, base_ = base; }

  // Leaves out what keeps frame pointers throughout (V8's builtins): steps by them are as good there.
  void leave_out(std::uint64_t start, std::uint64_t end) { left_out_.push_back({start, end}); }

  // From an address that rows do not cover, to the piece's end; empty elsewhere.
  Bytes at(std::uint64_t address) const { return covered(address) ? Bytes{} : anywhere(address); }
  Bytes anywhere(std::uint64_t address) const {
    for (const Piece& piece : pieces_) {
      if (address >= piece.start && address - piece.start < piece.bytes.size()) return Bytes(piece.bytes).subspan(address - piece.start);
    }
    return {};
  }
  const std::vector<Piece>& pieces() const { return pieces_; }

 private:
  bool covered(std::uint64_t address) const {
    for (const auto& [start, end] : left_out_) {
      if (address >= start && address < end) return true;
    }
    const sampan_row* row = find_row(known_, address - base_);
    return row && row->kind != SAMPAN_ROW_NONE;
  }
  std::vector<Piece> pieces_;
  std::span<const sampan_row> known_;
  std::uint64_t base_ = 0;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> left_out_;
};

bool starts_with(Bytes code, std::initializer_list<int> bytes) {
  if (code.size() < bytes.size()) return false;
  std::size_t i = 0;
  return std::all_of(bytes.begin(), bytes.end(), [&](int b) { return b < 0 || std::to_integer<int>(code[i++]) == b; });
}

// What stands where no code goes on: int3, hlt, ud2, and the nops between functions.
bool ends(Bytes code) { return code.empty() || starts_with(code, {0xcc}) || starts_with(code, {0xf4}) || starts_with(code, {0x0f, 0x0b}); }
bool pads(Bytes code) {
  return ends(code) || starts_with(code, {0x90}) || starts_with(code, {0x0f, 0x1f}) || starts_with(code, {0x66, 0x0f, 0x1f}) ||
         starts_with(code, {0x66, 0x90}) || starts_with(code, {0x66, 0x2e, 0x0f, 0x1f}) || starts_with(code, {0x66, 0x66});
}

// The thread ends as soon as a call here returns: `exit` is what comes next (mov eax, 60 in one of its forms; syscall).
bool exits(Bytes code) {
  constexpr int kMostBefore = 4;
  bool wanted = false;
  for (int n = 0; n < kMostBefore; ++n) {
    if (wanted && starts_with(code, {0x0f, 0x05})) return true;
    wanted |= starts_with(code, {0xb0, 0x3c}) || starts_with(code, {0xb8, 0x3c, 0, 0, 0}) || starts_with(code, {0x6a, 0x3c});
    const X86Instruction i = decode_x86(code);
    if (i.length == 0 || i.effect == X86Effect::Return || i.effect == X86Effect::Call) return false;
    code = code.subspan(i.length);
  }
  return wanted && starts_with(code, {0x0f, 0x05});
}

// A program's first code clears rbp and keeps none before: nothing called it (System V ABI, "process initialization").
bool begins_program(Bytes code) {
  for (int n = 0; n < 4; ++n) {
    const X86Instruction i = decode_x86(code);
    if (i.effect == X86Effect::ClearRbp) return true;
    const bool called = i.effect == X86Effect::PushRbp || i.effect == X86Effect::StoreRbp;
    if (i.length == 0 || called || i.effect == X86Effect::Call || i.effect == X86Effect::Return) return false;
    code = code.subspan(i.length);
  }
  return false;
}

class Deriver {
 public:
  explicit Deriver(const Code& code) : code_(code) {}

  // A function of which something tells: the file, a call.
  void add_start(std::uint64_t address) {
    if (!code_.at(address).empty() && starts_.insert(address).second) unexplored_.push_back(address);
  }
  // One of which only a pointer tells: no start where it lies inside of what is known already.
  void add_pointer(std::uint64_t address) {
    if (!explored_.contains(address) && !code_.at(address).empty()) add_start(address), explore();
  }

  // Finds the functions that are called from those known so far.
  void explore() {
    while (!unexplored_.empty()) {
      std::uint64_t at = unexplored_.back();
      unexplored_.pop_back();
      for (Bytes code = code_.at(at); !ends(code) && budget_ > 0 && explored_.insert(at).second; code = code_.at(at)) {
        --budget_;
        const X86Instruction i = decode_x86(code);
        if (i.length == 0 || i.effect == X86Effect::Return || i.effect == X86Effect::IndirectJump) break;
        const std::uint64_t next = at + i.length, target = next + static_cast<std::uint64_t>(i.amount);
        if (i.effect == X86Effect::Call && i.amount != 0) add_start(target);
        if (i.effect == X86Effect::LoadAddress) pointers_.push_back(target);
        if (i.effect == X86Effect::Branch) unexplored_.push_back(target);
        at = i.effect == X86Effect::Jump ? target : next;
      }
    }
  }

  // Calls out of code that rows cover, from a function's start on.
  void search(std::uint64_t from, std::uint64_t to) {
    Bytes code = code_.anywhere(from);
    while (from < to && budget_ > 0 && !code.empty()) {
      --budget_;
      const X86Instruction i = decode_x86(code);
      if (i.length == 0) return;
      from += i.length;
      code = code.subspan(i.length);
      if (i.effect == X86Effect::Call && i.amount != 0) add_start(from + static_cast<std::uint64_t>(i.amount));
      if (i.effect == X86Effect::LoadAddress) pointers_.push_back(from + static_cast<std::uint64_t>(i.amount));
    }
  }

  void take_pointers() {
    while (!pointers_.empty()) {
      const std::uint64_t address = pointers_.back();
      pointers_.pop_back();
      const Bytes before = code_.anywhere(address - 1);   // what runs on into it is no function
      const bool apart = address % 16 == 0 || pads(before) || starts_with(before, {0xc3});
      if (apart) add_pointer(address);
    }
  }

  std::vector<sampan_row> rows(std::uint64_t entry, std::uint64_t base) {
    entry_ = entry;
    for (const std::uint64_t start : starts_) follow_function(start);
    if (!tails_.empty()) {
      starts_.insert(tails_.begin(), tails_.end());
      seen_.clear();
      for (const std::uint64_t start : starts_) follow_function(start);
    }
    return collect(base);
  }
  const std::set<std::uint64_t>& starts() const { return starts_; }

 private:
  struct Seen {
    X86Flow flow;
    std::uint8_t length;
    bool root;      // a call that no one returns from
  };

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
  }

  // Where a switch jumps to cannot be seen: what nothing else leads to, up to the next function, is its.
  void fill(std::uint64_t start) {
    const X86Flow flow = jumps_.front();
    const auto next = starts_.upper_bound(start);
    const std::uint64_t end = next == starts_.end() ? ~std::uint64_t{0} : *next;
    std::uint64_t at = start;
    for (int fills = 0; at < end && fills < kMostFills;) {
      if (const auto seen = seen_.find(at); seen != seen_.end()) {
        at += seen->second.length;
      } else if (const Bytes code = code_.at(at); code.empty()) {
        return;
      } else if (pads(code)) {
        at += std::max<std::uint64_t>(1, decode_x86(code).length);
      } else {
        ++fills;
        follow(start, at, flow);
        if (!seen_.contains(at)) return;
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
    if (ends(code)) return false;
    const X86Instruction i = decode_x86(code);
    if (i.length == 0) return false;
    const auto [known, fresh] = seen_.try_emplace(at, Seen{flow, i.length, false});
    if (!fresh) {
      const X86Flow both = known->second.flow.join(flow);
      if (both == known->second.flow) return false;
      known->second.flow = flow = both;
    }
    const std::uint64_t next = at + i.length, target = next + static_cast<std::uint64_t>(i.amount);
    if (i.effect == X86Effect::Return) return false;
    if (i.effect == X86Effect::IndirectJump) return jumps_.push_back(flow), false;
    if (i.effect == X86Effect::Call) {
      const Bytes after = code.subspan(i.length);
      known->second.root = exits(after);
      if (ends(after) || starts_.contains(behind_padding(next))) return false;   // it does not return
    }
    if (i.effect == X86Effect::Jump && flow == X86Flow{}) take_tail_call(target);
    flow.apply(i);
    if (i.effect == X86Effect::Branch) ways_.push_back({target, flow});
    at = i.effect == X86Effect::Jump ? target : next;
    return true;
  }

  std::uint64_t behind_padding(std::uint64_t at) const {
    for (Bytes code = code_.at(at); !ends(code) && pads(code); code = code_.at(at)) at += std::max<std::uint64_t>(1, decode_x86(code).length);
    return at;
  }

  std::vector<sampan_row> collect(std::uint64_t base) const {
    std::vector<std::pair<std::uint64_t, const Seen*>> all;
    all.reserve(seen_.size());
    for (const auto& [at, seen] : seen_) {
      if (at >= base && at - base < UINT32_MAX - 16) all.emplace_back(at, &seen);
    }
    std::sort(all.begin(), all.end());
    std::vector<sampan_row> rows;
    std::uint64_t end = 0;
    const auto push = [&](std::uint64_t at, sampan_row row) {
      row.pc = static_cast<std::uint32_t>(at - base);
      if (rows.empty() || rows.back().kind != row.kind || rows.back().cfa != row.cfa || rows.back().fp != row.fp) rows.push_back(row);
    };
    const sampan_row none{0, 0, 0, SAMPAN_ROW_NONE};
    for (const auto& [at, seen] : all) {
      if (at < end) continue;   // inside of another instruction: one of the two is none
      if (at > end && end != 0) push(end, none);
      const sampan_row root{0, 0, SAMPAN_FP_DERIVED, SAMPAN_ROW_ROOT};
      push(at, seen->root ? root : seen->flow.row());
      end = at + seen->length;
    }
    if (end != 0) push(end, none);
    return rows;
  }

  const Code& code_;
  std::set<std::uint64_t> starts_;
  std::vector<std::uint64_t> unexplored_, pointers_;
  std::unordered_set<std::uint64_t> explored_;
  std::vector<std::pair<std::uint64_t, X86Flow>> ways_;
  std::vector<X86Flow> jumps_;              // where the function under way jumps through a register
  std::unordered_map<std::uint64_t, Seen> seen_;
  std::set<std::uint64_t> tails_;           // where functions go on to others by a jump
  std::uint64_t entry_ = 0, start_ = 0;     // start_: of the function under way
  std::size_t budget_ = kMostInstructions;
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

bool keeps_frame_pointers(Bytes code) {
  constexpr std::array kPrologue = {std::byte{0x55}, std::byte{0x48}, std::byte{0x89}, std::byte{0xe5}};   // push rbp; mov rbp, rsp
  constexpr std::size_t kLeast = 256 * 1024, kOneIn = 4096;
  if (code.size() < kLeast) return false;
  std::size_t count = 0;
  for (auto at = code.begin(); (at = std::search(at, code.end(), kPrologue.begin(), kPrologue.end())) != code.end(); ++at) ++count;
  return count >= code.size() / kOneIn;
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
  Code code;
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
  Deriver deriver(code);
  deriver.add_start(file.entry());
  file.each_symbol([&](const ElfSymbol& symbol) {
    if (symbol.type == STT_FUNC || symbol.type == STT_GNU_IFUNC) deriver.add_start(symbol.address);
  });
  for (std::size_t i = 0; i < functions.size(); ++i) {
    deriver.search(base + functions[i], i + 1 < functions.size() ? base + functions[i + 1] : ~std::uint64_t{0});
  }
  deriver.explore();
  deriver.take_pointers();
  each_pointer(file, [&](std::uint64_t address) { deriver.add_pointer(address); });
  deriver.take_pointers();
  out.rows = deriver.rows(file.entry(), base);
  for (const std::uint64_t start : deriver.starts()) {
    if (start >= base && start - base < UINT32_MAX) out.functions.push_back(static_cast<std::uint32_t>(start - base));
  }
  return out;
}

std::vector<sampan_row> derive_rows(Bytes bytes, std::uint64_t address, std::span<const std::uint64_t> starts) {
  Code code;
  code.add(address, {bytes.begin(), bytes.end()});
  Deriver deriver(code);
  for (const std::uint64_t start : starts) deriver.add_start(start);
  deriver.explore();
  return deriver.rows(starts.empty() ? 0 : starts.front(), address);
}

}  // namespace sampan

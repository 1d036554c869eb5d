#include "samplers/unwind/cfi.hpp"

#include <dwarf.h>

#include <algorithm>
#include <unordered_map>

#include "samplers/unwind/cfi_rules.hpp"

namespace sampan {
namespace {

constexpr std::uint64_t kMostCie = 1024;

struct Fde {
  std::uint32_t start, end;      // relative to the base
  const CfiCie* cie;
  std::uint64_t instructions;    // where they are in the section
  std::uint64_t size;
};

class Compiler {
 public:
  Compiler(const CfiSection& section, std::uint64_t base) : section_(section), base_(base) {}

  Cfi compile() {
    collect();
    const auto less = [](const Fde& a, const Fde& b) { return a.start < b.start; };
    if (!std::is_sorted(fdes_.begin(), fdes_.end(), less)) std::stable_sort(fdes_.begin(), fdes_.end(), less);
    out_.rows.reserve(fdes_.size() * 5);
    out_.functions.reserve(fdes_.size());
    for (const Fde& fde : fdes_) emit(fde);
    if (!fdes_.empty()) gap(end_);
    out_.rows.shrink_to_fit();
    return std::move(out_);
  }

 private:
  struct Entry {
    std::uint64_t offset, body, end, id, id_at;
  };

  // The next entry's bounds; false at the end or where the section makes no sense from here on.
  bool next(Cursor& cursor, Entry& entry) const {
    entry.offset = cursor.at();
    std::uint64_t length = cursor.read<std::uint32_t>();
    const bool wide = length == 0xffffffff;
    if (wide) length = cursor.read<std::uint64_t>();
    if (cursor.bad() || length > cursor.left() || length < (wide ? 8u : 4u)) return false;
    entry.id_at = cursor.at();
    entry.end = entry.id_at + length;
    entry.id = wide ? cursor.read<std::uint64_t>() : cursor.read<std::uint32_t>();
    if (wide && section_.debug_frame && entry.id == ~std::uint64_t{0}) entry.id = 0xffffffff;
    entry.body = cursor.at();
    return true;
  }

  void collect() {
    Cursor cursor(section_.bytes);
    const std::uint64_t cie_mark = section_.debug_frame ? 0xffffffff : 0;
    Entry entry{};
    while (cursor) {
      // A zero length ends .eh_frame's table, but linkers also leave some between object files.
      if (read_at<std::uint32_t>(section_.bytes, cursor.at()) == 0 && cursor.left() >= 4) {
        cursor.skip(4);
        continue;
      }
      if (!next(cursor, entry)) {
        ++out_.malformed;
        return;
      }
      if (entry.id != cie_mark && !add_fde(entry)) ++out_.malformed;
      cursor.seek(entry.end);
    }
  }

  bool add_fde(const Entry& entry) {
    const std::uint64_t cie_at = section_.debug_frame ? entry.id : entry.id_at - entry.id;
    if (cie_at >= section_.bytes.size()) return false;
    const CfiCie& cie = cie_of(cie_at);
    if (!cie.good) return false;
    Cursor cursor(section_.bytes.first(entry.end));
    cursor.seek(entry.body);
    const std::uint64_t start = read_encoded(cursor, cie.pointer_encoding, section_.address + cursor.at());
    const std::uint64_t size = read_encoded(cursor, cie.pointer_encoding & 0x0f, 0);
    if (cie.augmented) cursor.skip(cursor.uleb128());
    if (cursor.bad()) return false;
    if (size == 0 || start < base_ || start == 0) return true;   // discarded by the linker
    const std::uint64_t from = start - base_;
    if (from >= UINT32_MAX || size > UINT32_MAX - from) return false;
    fdes_.push_back({static_cast<std::uint32_t>(from), static_cast<std::uint32_t>(from + size), &cie, cursor.at(), entry.end - cursor.at()});
    return true;
  }

  const CfiCie& cie_of(std::uint64_t offset) {
    const auto [known, fresh] = cies_.try_emplace(offset);
    if (fresh) known->second.good = read_cie(offset, known->second);
    return known->second;
  }

  bool read_cie(std::uint64_t offset, CfiCie& cie) {
    Cursor cursor(section_.bytes);
    cursor.seek(offset);
    Entry entry{};
    if (!next(cursor, entry) || entry.id != (section_.debug_frame ? 0xffffffffu : 0u)) return false;
    if (entry.end - entry.body > kMostCie) return false;   // CIEs may be named from anywhere: no quadratic reading
    cursor = Cursor(section_.bytes.first(entry.end));
    cursor.seek(entry.body);
    const auto version = cursor.read<std::uint8_t>();
    if (version != 1 && version != 3 && version != 4) return false;
    const auto augmentation = cursor.string();
    if (version == 4 && (cursor.read<std::uint8_t>() != 8 || cursor.read<std::uint8_t>() != 0)) return false;
    cie.code_align = cursor.uleb128();
    cie.data_align = cursor.sleb128();
    cie.ra_register = version == 1 ? cursor.read<std::uint8_t>() : cursor.uleb128();
    if (!read_augmentation(cursor, augmentation, cie)) return false;
    const std::uint64_t at = cursor.at();
    cie.instructions = cursor.bytes(cursor.left());
    if (cursor.bad()) return false;
    CfiMachine machine(cie, section_.address + at, section_.architecture);
    if (!machine.run(cie.instructions, 0, [](std::uint64_t, const CfiState*) {})) return false;
    cie.initial = machine.state();
    return true;
  }

  bool read_augmentation(Cursor& cursor, std::string_view augmentation, CfiCie& cie) const {
    if (augmentation.empty()) return !cursor.bad();
    if (augmentation[0] != 'z') return false;
    cie.augmented = true;
    const auto size = cursor.uleb128();
    const std::uint64_t end = cursor.at() + std::min<std::uint64_t>(size, cursor.left());
    for (const char letter : augmentation.substr(1)) {
      if (letter == 'R') cie.pointer_encoding = cursor.read<std::uint8_t>();
      else if (letter == 'L') cursor.skip(1);
      else if (letter == 'S') cie.signal = true;
      else if (letter == 'P') {
        const auto encoding = cursor.read<std::uint8_t>();
        read_encoded(cursor, encoding, 0);
      } else if (letter != 'B' && letter != 'G') {   // arm64: the key of signed return addresses, tagged memory
        break;   // the size says where the instructions start
      }
    }
    cursor.seek(end);
    const auto base = cie.pointer_encoding & 0x70;
    return !cursor.bad() && (base == 0 || base == DW_EH_PE_pcrel);
  }

  void push(std::uint32_t pc, sampan_row row) {
    auto& rows = out_.rows;
    row.pc = pc;
    if (!rows.empty()) {
      const sampan_row& last = rows.back();
      if (last.cfa == row.cfa && last.fp == row.fp && last.kind == row.kind) return;
      if (last.pc == pc) {
        rows.back() = row;
        return;
      }
    }
    rows.push_back(row);
  }

  void gap(std::uint32_t from) { push(from, {0, 0, 0, SAMPAN_ROW_NONE}); }

  void emit(const Fde& fde) {
    if (fde.end <= end_) return;                       // overlaps what is there: the first one holds
    const std::uint32_t start = std::max(fde.start, end_);
    if (start > end_ && end_ != 0) gap(end_);
    out_.functions.push_back(fde.start);
    CfiMachine machine(*fde.cie, section_.address + fde.instructions, section_.architecture);
    const bool good = machine.run(section_.bytes.subspan(fde.instructions, fde.size), fde.start,
                                  [&](std::uint64_t location, const CfiState* state) {
      if (location >= fde.end) return;
      const sampan_row row = state ? make_row(*state, fde.cie->signal, section_.architecture) : sampan_row{0, 0, 0, SAMPAN_ROW_UNKNOWN};
      if (row.kind == SAMPAN_ROW_UNKNOWN) ++out_.unknown;
      push(std::max(static_cast<std::uint32_t>(location), start), row);
    });
    if (!good) ++out_.malformed;
    end_ = fde.end;
  }

  const CfiSection& section_;
  std::uint64_t base_;
  std::unordered_map<std::uint64_t, CfiCie> cies_;
  std::vector<Fde> fdes_;
  std::uint32_t end_ = 0;   // where the last function ended
  Cfi out_;
};

}  // namespace

Cfi compile_cfi(const CfiSection& section, std::uint64_t base) { return Compiler(section, base).compile(); }

const sampan_row* find_row(std::span<const sampan_row> rows, std::uint64_t address) {
  const auto after = std::upper_bound(rows.begin(), rows.end(), address, [](std::uint64_t a, const sampan_row& r) { return a < r.pc; });
  return after == rows.begin() ? nullptr : &*std::prev(after);
}

std::vector<sampan_row> overlay_rows(std::span<const sampan_row> first, std::span<const sampan_row> second) {
  std::vector<sampan_row> rows;
  rows.reserve(first.size() + second.size());
  const sampan_row none{0, 0, 0, SAMPAN_ROW_NONE};
  sampan_row a = none, b = none;
  std::size_t i = 0, j = 0;
  while (i < first.size() || j < second.size()) {
    const std::uint32_t pc = std::min(i < first.size() ? first[i].pc : UINT32_MAX, j < second.size() ? second[j].pc : UINT32_MAX);
    while (i < first.size() && first[i].pc == pc) a = first[i++];
    while (j < second.size() && second[j].pc == pc) b = second[j++];
    sampan_row row = a.kind == SAMPAN_ROW_NONE ? b : a;
    row.pc = pc;
    if (rows.empty() || rows.back().kind != row.kind || rows.back().cfa != row.cfa || rows.back().fp != row.fp) rows.push_back(row);
  }
  return rows;
}

}  // namespace sampan

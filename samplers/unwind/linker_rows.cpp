#include "samplers/unwind/linker_rows.hpp"

#include <algorithm>
#include <array>

namespace sampan {
namespace {

constexpr sampan_row kNone{0, 0, 0, SAMPAN_ROW_NONE};
constexpr sampan_row kCalled{0, 0, 0, SAMPAN_ROW_SP};          // the return address is in lr
constexpr sampan_row kPushed{0, 2, -1, static_cast<__u8>(int{SAMPAN_ROW_SP} | int{SAMPAN_BASE_CFA} | int{SAMPAN_SLOT_RA})};
constexpr sampan_row kSignal{0, 0, 0, SAMPAN_ROW_SIGNAL};
constexpr sampan_row kRoot{0, 0, 0, SAMPAN_ROW_ROOT};
constexpr std::uint32_t kPushX16Lr = 0xa9bf7bf0;               // stp x16, x30, [sp, #-16]!
constexpr std::array<std::uint32_t, 2> kSigreturn = {0xd2801168, 0xd4000001};   // mov x8, #__NR_rt_sigreturn; svc #0
constexpr std::uint64_t kHeadBytes = 32;                       // of .plt: what its entries jump to at first
constexpr std::uint64_t kMostVdso = 1 << 16;

class Rows {
 public:
  explicit Rows(std::uint64_t base) : base_(base) {}
  void push(std::uint64_t address, sampan_row row) {
    if (address < base_ || address - base_ > UINT32_MAX) return;
    row.pc = static_cast<std::uint32_t>(address - base_);
    rows_.push_back(row);
  }
  std::vector<sampan_row> take() {
    const auto less = [](const sampan_row& a, const sampan_row& b) { return a.pc < b.pc; };
    std::stable_sort(rows_.begin(), rows_.end(), less);
    return std::move(rows_);
  }

 private:
  std::uint64_t base_;
  std::vector<sampan_row> rows_;
};

void add_plt(const ElfFile& file, const ElfSection& section, Rows& rows) {
  rows.push(section.address, kCalled);
  std::array<std::uint32_t, 2> head{};
  if (file.read(section.address, std::as_writable_bytes(std::span(head)))) {
    // Behind a landing pad, if there is one.
    const std::uint64_t at = head[0] == kPushX16Lr ? 4 : head[1] == kPushX16Lr ? 8 : 0;
    if (at != 0) {
      rows.push(section.address + at, kPushed);
      rows.push(section.address + kHeadBytes, kCalled);
    }
  }
  rows.push(section.address + section.size, kNone);
}

// The handler returns to the first of these instructions; its call, so to say, is the one ahead of it.
void add_signal_return(const ElfFile& file, Rows& rows) {
  const ElfSection* text = file.section(".text");
  if (!text || text->size > kMostVdso) return;
  const auto code = file.bytes(*text);
  for (std::size_t at = 0; at + sizeof kSigreturn <= code.size(); at += 4) {
    if (read_at<std::array<std::uint32_t, 2>>(code, at) != kSigreturn) continue;
    rows.push(text->address + at - 4, kSignal);
    rows.push(text->address + at + sizeof kSigreturn, kNone);
    return;
  }
}

// Where a program begins: two calls, of main's caller and of abort. C libraries describe it as the outermost frame only since
// lately (glibc 2.29).
void add_entry(const ElfFile& file, Rows& rows) {
  std::array<std::uint32_t, 64> code{};
  if (file.entry() == 0 || !file.read(file.entry(), std::as_writable_bytes(std::span(code)))) return;
  int calls = 0;
  for (std::size_t i = 0; i < code.size(); ++i) {
    if ((code[i] & 0xfc000000) != 0x94000000 || ++calls < 2) continue;   // bl
    rows.push(file.entry(), kRoot);
    rows.push(file.entry() + (i + 1) * 4, kNone);
    return;
  }
}

}  // namespace

std::vector<sampan_row> linker_rows(const ElfFile& file, std::uint64_t base) {
  Rows rows(base);
  for (const char* name : {".plt", ".iplt"}) {
    if (const ElfSection* section = file.section(name); section && section->size != 0) add_plt(file, *section, rows);
  }
  add_signal_return(file, rows);
  add_entry(file, rows);
  return rows.take();
}

}  // namespace sampan

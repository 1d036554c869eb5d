#include "samplers/unwind/go_rows.hpp"

#include <array>
#include <string_view>

namespace sampan {
namespace {

constexpr std::size_t kMostRows = 8'000'000;
constexpr std::uint64_t kMostCode = 4096;      // of a function that is told by its code, bytes
constexpr sampan_row kNone{0, 0, 0, SAMPAN_ROW_NONE};
constexpr sampan_row kRoot{0, 0, 0, SAMPAN_ROW_ROOT};
constexpr sampan_row kSignal{0, 0, 0, SAMPAN_ROW_SIGNAL};
constexpr sampan_row kSwitch{0, 2, 0, SAMPAN_ROW_FP_SWITCH};
constexpr sampan_row kUnknown{0, 0, 0, SAMPAN_ROW_UNKNOWN};

// What tells arm64's hand-written functions where they change stacks and where they save their caller's registers.
bool sets_sp(std::uint32_t word) { return (word & 0xfffffc1f) == 0x9100001f; }                // mov sp, xN
bool stores_depth(std::uint32_t word) { return (word & 0xffffffe0) == 0xf90007e0; }           // str xN, [sp, #8]
bool stores_record(std::uint32_t word) { return (word & 0xffc07fff) == 0xa9007bfd; }          // stp x29, x30, [sp, #N]

class Compiler {
 public:
  Compiler(const GoPclntab& table, const ElfFile* file, std::uint64_t base, const sampan_architecture& cpu)
      : table_(table), file_(file), base_(base), cpu_(cpu) {}

  std::vector<sampan_row> compile() {
    std::uint64_t end = 0;
    for (const GoFunction& f : table_.functions()) {
      if (f.start < base_ || f.end - base_ > UINT32_MAX || rows_.size() > kMostRows) continue;
      if (end != 0 && f.start > end) push(end, kNone);
      add(f);
      end = f.end;
    }
    if (end != 0) push(end, kNone);
    rows_.shrink_to_fit();
    return std::move(rows_);
  }

 private:
  void push(std::uint64_t address, sampan_row row) {
    row.pc = static_cast<std::uint32_t>(address - base_);
    while (!rows_.empty() && rows_.back().pc >= row.pc) rows_.pop_back();
    if (!rows_.empty() && rows_.back().kind == row.kind && rows_.back().cfa == row.cfa && rows_.back().fp == row.fp) return;
    rows_.push_back(row);
  }

  void add(const GoFunction& f) {
    const std::string_view name = table_.name(f);
    if (name == "runtime.sigreturn" || name == "runtime.sigreturn__sigaction") {
      // It is returned to, not called: the address before it must say so too.
      return push(f.start > base_ ? f.start - 1 : f.start, kSignal);
    }
    const bool root = (f.flags & kGoTopFrame) || name == "runtime.mcall" || name == "runtime.goexit" || name == "runtime.mstart" || name == "runtime.rt0_go";
    if (root && name != "runtime.asmcgocall") return push(f.start, kRoot);
    if (cpu_.link_register) return add_arm64(f, name);
    if (name == "runtime.asmcgocall") return add_asmcgocall(f);
    // It moves to another stack; its frame pointer stays where it came from.
    if ((f.flags & kGoWritesSp) || name == "runtime.systemstack" || name == "runtime.morestack") return push(f.start, kSwitch);
    add_frames(f);
  }

  sampan_row frame(std::int32_t size) const {
    const int words = size / 8 + (cpu_.link_register ? 0 : 1);
    if (size < 0 || size % 8 != 0 || words > INT16_MAX) return kUnknown;
    sampan_row row{0, static_cast<__s16>(words), 0, SAMPAN_ROW_SP};
    if (size < 8) return row;
    // The caller's frame pointer is kept right below the return address, which on arm64 is on top of the stack.
    row.fp = static_cast<__s8>(cpu_.link_register ? -1 : -2);
    const int slot = cpu_.link_register ? int{SAMPAN_BASE_SP} | int{SAMPAN_SLOT_RECORD} : int{SAMPAN_BASE_CFA} | int{SAMPAN_SLOT_FP};
    row.kind = static_cast<__u8>(int{SAMPAN_ROW_SP} | slot);
    return row;
  }

  void add_frames(const GoFunction& f, int kind = SAMPAN_ROW_SP) {
    bool any = false;
    std::int32_t before = 0;
    table_.each_frame_size(f, [&](std::uint64_t at, std::int32_t size) {
      any = true;
      sampan_row row = frame(size);
      if (cpu_.link_register && before == 0 && size >= 8 && row.kind != SAMPAN_ROW_UNKNOWN) {
        // One instruction long only the return address is there; the frame pointer is still the caller's.
        push(at, {0, row.cfa, 0, static_cast<__u8>(kind | int{SAMPAN_BASE_SP} | int{SAMPAN_SLOT_RA})});
        at += 4;
      }
      before = size;
      if (row.kind != SAMPAN_ROW_UNKNOWN) row.kind = static_cast<__u8>((row.kind & ~0x0f) | kind);
      push(at, row);
    });
    if (!any) push(f.start, kNone);
  }

  void add_arm64(const GoFunction& f, std::string_view name) {
    if (name == "runtime.asyncPreempt") return add_frames(f, SAMPAN_ROW_GO_INJECTED);
    if (name == "runtime.morestack") return push(f.start, kUnknown);
    if (name == "runtime.asmcgocall") return add_by_code(f, AsmcgocallRow());
    if (name == "crosscall2") return add_by_code(f, Crosscall2Row());
    if ((f.flags & kGoWritesSp) || name == "runtime.systemstack") return add_by_code(f, SwitchingRow());
    add_frames(f);
  }

  // What holds at an instruction of arm64, by the one ahead of it and by what the frame's size says.
  // By frame pointer from where it moves to another stack to where it comes back.
  struct SwitchingRow {
    bool away = false;
    sampan_row operator()(std::uint32_t before, sampan_row frame) {
      if (sets_sp(before)) away = !away;
      return away ? sampan_row{0, static_cast<__s16>(frame.cfa + 1), 0, SAMPAN_ROW_FP_SWITCH} : frame;
    }
  };
  struct AsmcgocallRow {
    enum { Own, Moving, Away } stack = Own;
    sampan_row operator()(std::uint32_t before, sampan_row frame) {
      if (sets_sp(before)) stack = stack == Away ? Own : Moving;
      else if (stack == Moving && stores_depth(before)) stack = Away;
      return stack == Own ? frame : stack == Moving ? kUnknown : sampan_row{0, 0, static_cast<__s8>(frame.cfa), SAMPAN_ROW_GO_CGO};
    }
  };
  // Called by C, and keeps its registers as C does.
  struct Crosscall2Row {
    std::uint32_t record = 0;   // words from sp
    sampan_row operator()(std::uint32_t before, sampan_row frame) {
      if (stores_record(before)) record = before >> 15 & 0x3f;
      if (frame.cfa == 0 || record == 0) return {0, frame.cfa, 0, SAMPAN_ROW_SP};
      return {0, frame.cfa, static_cast<__s8>(record), static_cast<__u8>(int{SAMPAN_ROW_SP} | int{SAMPAN_BASE_SP} | int{SAMPAN_SLOT_RECORD})};
    }
  };

  template <typename RowOf>
  void add_by_code(const GoFunction& f, RowOf row_of) {
    std::vector<std::byte> code(std::min<std::uint64_t>(f.end - f.start, kMostCode));
    if (!file_ || !file_->read(f.start, code)) return push(f.start, kUnknown);
    std::vector<std::pair<std::uint64_t, std::int32_t>> sizes;
    table_.each_frame_size(f, [&](std::uint64_t at, std::int32_t size) { sizes.emplace_back(at, size); });
    std::uint32_t before = 0;
    sampan_row now = kUnknown;
    std::size_t next = 0;
    for (std::size_t i = 0; i + 4 <= code.size(); i += 4) {
      while (next < sizes.size() && sizes[next].first <= f.start + i) now = frame(sizes[next++].second);
      push(f.start + i, row_of(before, now));
      before = read_at<std::uint32_t>(code, i);
    }
    push(f.start + code.size(), kUnknown);
  }

  // `MOVQ DI, g(SP)` says where it keeps g; the depth of the goroutine's stack lies below.
  void add_asmcgocall(const GoFunction& f) {
    std::array<std::byte, 256> code{};
    const std::size_t size = std::min<std::size_t>(code.size(), f.end - f.start);
    sampan_row row = kSwitch;
    if (file_ && file_->read(f.start, std::span(code).first(size))) {
      for (std::size_t i = 0; i + 5 <= size; ++i) {
        if (read_at<std::uint32_t>(code, i) != 0x247c8948) continue;
        const bool pushes = std::to_integer<int>(code[0]) == 0x55;
        row = {0, static_cast<__s16>(std::to_integer<int>(code[i + 4]) / 8), static_cast<__s8>(pushes ? 1 : 0), SAMPAN_ROW_GO_CGO};
        break;
      }
    }
    push(f.start, row);
  }

  const GoPclntab& table_;
  const ElfFile* file_;
  std::uint64_t base_;
  const sampan_architecture& cpu_;
  std::vector<sampan_row> rows_;
};

}  // namespace

std::vector<sampan_row> compile_go_rows(const GoPclntab& table, const ElfFile* file, std::uint64_t base, const sampan_architecture& architecture) {
  return Compiler(table, file, base, architecture).compile();
}

}  // namespace sampan

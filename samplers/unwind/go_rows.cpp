#include "samplers/unwind/go_rows.hpp"

#include <array>
#include <string_view>

namespace sampan {
namespace {

constexpr std::size_t kMostRows = 8'000'000;
constexpr sampan_row kNone{0, 0, 0, SAMPAN_ROW_NONE};
constexpr sampan_row kRoot{0, 0, 0, SAMPAN_ROW_ROOT};
constexpr sampan_row kSignal{0, 0, 0, SAMPAN_ROW_SIGNAL};
constexpr sampan_row kSwitch{0, 0, 0, SAMPAN_ROW_FP_SWITCH};

class Compiler {
 public:
  Compiler(const GoPclntab& table, const ElfFile* file, std::uint64_t base) : table_(table), file_(file), base_(base) {}

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
    if (name == "runtime.asmcgocall") return add_asmcgocall(f);
    if ((f.flags & kGoTopFrame) || name == "runtime.mcall" || name == "runtime.goexit" || name == "runtime.mstart" || name == "runtime.rt0_go") {
      return push(f.start, kRoot);
    }
    // It moves to another stack; its frame pointer stays where it came from.
    if ((f.flags & kGoWritesSp) || name == "runtime.systemstack" || name == "runtime.morestack") return push(f.start, kSwitch);
    add_frames(f);
  }

  void add_frames(const GoFunction& f) {
    bool any = false;
    table_.each_frame_size(f, [&](std::uint64_t at, std::int32_t size) {
      any = true;
      sampan_row row{0, 0, 0, SAMPAN_ROW_UNKNOWN};
      if (size >= 0 && size % 8 == 0 && size / 8 + 1 <= INT16_MAX) {
        row = {0, static_cast<__s16>(size / 8 + 1), 0, SAMPAN_ROW_SP};
        // The caller's frame pointer is kept right below the return address.
        if (size >= 8) row = {0, row.cfa, -2, static_cast<__u8>(int{SAMPAN_ROW_SP} | int{SAMPAN_FP_AT_CFA})};
      }
      push(at, row);
    });
    if (!any) push(f.start, kNone);
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
  std::vector<sampan_row> rows_;
};

}  // namespace

std::vector<sampan_row> compile_go_rows(const GoPclntab& table, const ElfFile* file, std::uint64_t base) {
  return Compiler(table, file, base).compile();
}

}  // namespace sampan

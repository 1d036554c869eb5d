#include "samplers/node/builtins.hpp"

#include <elf.h>

#include <algorithm>

#include "samplers/node/processor.hpp"

namespace sampan::node {
namespace {

constexpr std::uint64_t kLeast = 256 * 1024;           // the builtins take 1.3 to 2.2 MB, without a row in between
constexpr std::uint64_t kSample = 64 * 1024;
constexpr std::size_t kLeastPrologues = 8;             // in a sample: nearly every builtin sets up a frame

bool looks_like_builtins(const ElfFile& file, std::uint64_t start, std::uint64_t end) {
  std::vector<std::byte> bytes(kSample);
  if (!file.read(start + (end - start) / 2, bytes)) return false;
  const auto prologue = processor_of(file.architecture()).prologue;
  std::size_t count = 0;
  for (auto at = bytes.begin(); (at = std::search(at, bytes.end(), prologue.begin(), prologue.end())) != bytes.end(); ++at) ++count;
  return count >= kLeastPrologues;
}

}  // namespace

Builtins::Builtins(const std::shared_ptr<ElfFile>& file, const UnwindTable& table, std::shared_ptr<const BuiltinNames> names)
    : file_(file), names_(std::move(names)) {
  for (const ElfSegment& segment : file->segments()) {
    if (!(segment.flags & PF_X)) continue;
    const std::uint64_t segment_end = segment.address + segment.file_size;
    for (std::size_t i = 0; i < table.rows.size(); ++i) {
      if (table.rows[i].kind != SAMPAN_ROW_NONE) continue;
      const std::uint64_t start = std::max(table.base + table.rows[i].pc, segment.address);
      const std::uint64_t end = i + 1 < table.rows.size() ? std::min(table.base + table.rows[i + 1].pc, segment_end) : segment_end;
      if (start >= end || end - start < kLeast || !looks_like_builtins(*file, start, end)) continue;
      ranges_.push_back({start, end});
    }
  }
  std::sort(ranges_.begin(), ranges_.end(), [](const Range& a, const Range& b) { return a.start < b.start; });
}

const Builtins::Range* Builtins::find(std::uint64_t address) const {
  for (const Range& range : ranges_) {
    if (address >= range.start && address < range.end) return &range;
  }
  return nullptr;
}

}  // namespace sampan::node

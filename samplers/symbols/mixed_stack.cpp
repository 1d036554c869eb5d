#include "samplers/symbols/mixed_stack.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "samplers/unwind/branches.hpp"

namespace sampan {
namespace {

constexpr std::uint64_t kMostCode = 1 << 20;
constexpr unsigned kFewestJumps = 3;

// In a stripped file nothing names the loop's cold part (with GCC 16 most of the loop): it is the function that the
// loop jumps into the middle of, again and again.
std::optional<AddressRange> cold_part(Memory& memory, const AddressSpace& space, const AddressRange& loop) {
  const CodeRegion* region = space.find(loop.start);
  if (!region || !region->table || loop.end - loop.start > kMostCode) return {};
  const auto& table = *region->table;
  std::vector<std::byte> code(loop.end - loop.start);
  if (!memory.read(loop.start, code)) return {};
  std::map<std::uint64_t, unsigned> jumps;
  for (std::size_t at = 0; at < code.size(); ++at) {
    const std::uint64_t target = branch_target(region->file->architecture(), code, at, loop.start);
    if (target < region->start || target >= region->end || (target >= loop.start && target < loop.end)) continue;
    const std::uint64_t function = table.function_start(target - region->bias);
    if (function != 0 && function != target - region->bias) ++jumps[function];
  }
  const auto most = std::max_element(jumps.begin(), jumps.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  if (most == jumps.end() || most->second < kFewestJumps) return {};
  const auto next = std::upper_bound(table.functions.begin(), table.functions.end(), most->first - table.base);
  if (next == table.functions.end()) return {};
  return AddressRange{most->first + region->bias, *next + table.base + region->bias};
}

}  // namespace

MixedStack::MixedStack(const Process& process, Context& context, std::vector<AddressRange> loop)
    : native_(process, context), loop_(std::move(loop)) {
  if (loop_.size() != 1) return;
  if (const auto cold = cold_part(*process.memory, native_.space(), loop_[0])) loop_.push_back(*cold);
}

bool MixedStack::in_loop(std::uint64_t address) const {
  return std::any_of(loop_.begin(), loop_.end(),
                     [&](const AddressRange& range) { return address >= range.start && address < range.end; });
}

Walked MixedStack::weave(const ThreadSnapshot& thread, std::span<const FrameId> ids, std::span<const Segment> segments,
                         std::vector<FrameId>& frames) {
  addresses_.clear();
  const bool rooted = native_.addresses(thread, addresses_);
  const auto loops = static_cast<std::size_t>(std::count_if(addresses_.begin(), addresses_.end(), [&](auto a) { return in_loop(a); }));
  const auto emit = [&](const Segment& segment) {
    for (std::size_t i = segment.end; i-- > segment.begin;) frames.push_back(ids[i]);
  };
  // A loop that is being entered or left has no frame yet or no more: then the outermost ones belong together where the
  // machine stack is whole, the innermost ones where its outer part is missing.
  std::size_t next = segments.size();
  std::size_t without = 0;      // loops before the first that has a segment
  if (!rooted) {
    while (next > loops) emit(segments[--next]);
    without = loops - next;
    frames.push_back(native_.truncated());
  }
  for (std::size_t i = addresses_.size(); i-- > 0;) {
    const bool loop = in_loop(addresses_[i]);
    if (!loop) frames.push_back(native_.frame(addresses_[i]));
    else if (without > 0) --without;
    else if (next > 0) emit(segments[--next]);
  }
  while (next > 0) emit(segments[--next]);
  for (std::size_t i = thread.kernel.size(); i-- > 0;) frames.push_back(native_.kernel_frame(thread.kernel[i]));
  return rooted ? Walked::Whole : Walked::Truncated;
}

}  // namespace sampan

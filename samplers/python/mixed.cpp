#include "samplers/python/mixed.hpp"

#include <algorithm>

namespace sampan::python {

bool MixedStack::in_loop(std::uint64_t address) const {
  return std::any_of(python_.eval.begin(), python_.eval.end(),
                     [&](const AddressRange& range) { return address >= range.start && address < range.end; });
}

// One segment for each call of the loop, innermost first.
void MixedStack::split(std::span<const FrameSite> sites) {
  segments_.clear();
  std::size_t begin = 0;
  for (std::size_t i = 0; i < sites.size(); ++i) {
    if (!sites[i].entry && i + 1 != sites.size()) continue;
    segments_.push_back({begin, i + 1});
    begin = i + 1;
  }
}

Walked MixedStack::weave(const ThreadSnapshot& thread, std::span<const FrameSite> sites, std::span<const FrameId> ids,
                         std::vector<FrameId>& frames) {
  addresses_.clear();
  const bool rooted = native_.addresses(thread, addresses_);
  split(sites);
  const auto loops = static_cast<std::size_t>(std::count_if(addresses_.begin(), addresses_.end(), [&](auto a) { return in_loop(a); }));
  const auto emit = [&](const Segment& segment) {
    for (std::size_t i = segment.end; i-- > segment.begin;) frames.push_back(ids[i]);
  };
  // A loop that is being entered or left has no frame yet or no more: then the outermost ones belong together where the
  // machine stack is whole, the innermost ones where its outer part is missing.
  std::size_t next = segments_.size();
  std::size_t without = 0;      // loops before the first that has a segment
  if (!rooted) {
    while (next > loops) emit(segments_[--next]);
    without = loops - next;
    frames.push_back(native_.truncated());
  }
  for (std::size_t i = addresses_.size(); i-- > 0;) {
    const bool loop = in_loop(addresses_[i]);
    if (!loop) frames.push_back(native_.frame(addresses_[i]));
    else if (without > 0) --without;
    else if (next > 0) emit(segments_[--next]);
  }
  while (next > 0) emit(segments_[--next]);
  for (std::size_t i = thread.kernel.size(); i-- > 0;) frames.push_back(native_.kernel_frame(thread.kernel[i]));
  return rooted ? Walked::Whole : Walked::Truncated;
}

}  // namespace sampan::python

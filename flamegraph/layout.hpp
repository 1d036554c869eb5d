// The call tree in the order in which it is drawn: pre-order, children by name, siblings that read the same merged.
#pragma once

#include <cstdint>
#include <vector>

#include "flamegraph/label.hpp"
#include "flamegraph/profile.hpp"

namespace sampan {

struct Box {
  std::uint32_t label;     // into Labels::all; 0 only for the root, which comes first
  std::uint32_t depth;     // 0: the root
  std::uint32_t end;       // boxes of this one's subtree: [own index, end)
  std::uint64_t self;      // weight of the stacks that end here
  std::uint64_t total;     // with all below
  std::uint64_t base_self;   // the same in the first profile of a diff
  std::uint64_t base_total;
  std::uint64_t width;     // what is drawn: total, or of a diff the larger of both, stack by stack
};

struct Layout {
  std::vector<Box> boxes;
  std::uint32_t depth = 0;        // of the deepest box
  std::uint64_t left_out = 0;     // boxes beyond `most`: the lightest ones
};

// `reverse` merges from the leaf. At most `most` boxes are kept: their parents' totals stay what they are.
// `box_of`: where not null, the box of each of the profile's nodes, or what sums it up; not with `reverse`.
Layout lay_out(const Profile& profile, const Labels& labels, bool reverse, std::size_t most,
               std::vector<std::uint32_t>* box_of = nullptr);

}  // namespace sampan

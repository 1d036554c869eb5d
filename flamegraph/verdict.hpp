// Whether two sets of profiles differ by more than chance: each function's share of the time, with the interval that the
// samples' own variance gives it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "flamegraph/profile.hpp"

namespace sampan {

// One function, whatever its lines. Shares are of a side's whole weight, 0 to 1.
struct FunctionChange {
  std::string name;
  FrameKind kind = FrameKind::Native;
  std::string file;
  double self_before = 0, self_after = 0;      // where it is the innermost frame
  double total_before = 0, total_after = 0;    // where it is in the stack at all
  double low = 0, high = 0;                    // self_after - self_before: 95 % interval
  bool self_changed = false;                   // by more than chance, at a rate of false discoveries of 5 %
  bool total_changed = false;
};

struct DiffVerdict {
  std::vector<FunctionChange> changes;         // all that were compared; those that changed first, the largest first
  std::size_t changed = 0;                     // how many did, in self or total
  std::size_t blocks_before = 0, blocks_after = 0;   // pieces of time by which the variance was told; 1: by the samples' number alone
};

// A profile with moments is cut into slices of time, whose shares tell how much chance moves them; several profiles a side
// tell it too. Without either the samples are taken for independent. Functions with fewer than twenty samples on both sides
// together are not judged. Only the profiles' shares count: their lengths need not be equal.
DiffVerdict judge(std::span<const Profile> before, std::span<const Profile> after);

// Description::changed of it.
std::vector<std::string> changed_labels(const DiffVerdict& verdict);

}  // namespace sampan

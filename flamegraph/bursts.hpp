// What stands out in time: a function that took far more of some moments than of the whole.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "flamegraph/profile.hpp"

namespace sampan {

struct Burst {
  std::uint64_t from_ns = 0, to_ns = 0;   // since the profile's start
  std::string function;                   // its name alone; not cleaned
  double share = 0, usual = 0;            // of the samples in it, and of all
};

// The clearest ones, at most `most`, none overlapping, by time. The test: were a function's own samples spread evenly, its
// number in a window would be binomial, and a share of q in n samples where p is usual less likely than exp(-n KL(q‖p))
// (Chernoff). A burst is a window of that chance below 1e-6 after correction for every function and window looked at, with
// three times the usual share, a tenth of the window and a third of the function's own time in it. What comes back again and
// again holds less than a third each time: that is how the program is, not a burst. Samples of
// one call are not independent: they count as so many as there are usual runs of one function in them.
std::vector<Burst> bursts(const Profile& profile, std::size_t most = 3);

// `12.4–13.1 s: 71 % json.dumps, 3 times its usual share`
std::string burst_sentence(const Burst& burst);

}  // namespace sampan

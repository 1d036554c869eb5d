// The modes render, merge and diff: recorded stacks or our own pictures in, from files or URLs; a profile out. Nothing is sampled.
#pragma once

#include <string>
#include <vector>

#include "agent/contract/instants.hpp"
#include "agent/contract/stages.hpp"
#include "agent/result/progress.hpp"
#include "flamegraph/profile.hpp"
#include "flamegraph/verdict.hpp"
#include "samplers/base/result.hpp"

namespace sampan {

// All inputs as one profile. Fails with exit code 2 where one cannot be read or is none of what
// flamegraph/formats/recorded.hpp reads. Pictures carry time: they meet by the wall clock, and a window may be cut out.
// An input may stand for many objects of an S3 store (agent/delivery/objects.hpp).
Result<Profile> read_inputs(const std::vector<std::string>& inputs, const WindowOptions& window, Progress& progress);

struct Comparison {
  Profile difference;   // as flamegraph/diff.hpp makes it, of each side's inputs as one
  DiffVerdict verdict;
};
// Two sides, of one input or several each.
Result<Comparison> compare_inputs(const std::vector<std::string>& inputs, const CompareOptions& options, const WindowOptions& window, Progress& progress);

}  // namespace sampan

// The modes render, merge and diff: files or URLs of recorded stacks in, a profile out. Nothing is sampled.
#pragma once

#include <string>
#include <vector>

#include "flamegraph/profile.hpp"
#include "samplers/base/result.hpp"

namespace sampan {

// All inputs as one profile; `compare`: two of them as the difference from the first to the second. Fails with exit code 2
// where one cannot be read or is none of what flamegraph/formats/recorded.hpp reads.
Result<Profile> read_inputs(const std::vector<std::string>& inputs, bool compare);

}  // namespace sampan

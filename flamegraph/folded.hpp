// Folded stacks, `a;b;c 42` a line: the field's common text form, written and read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "flamegraph/profile.hpp"

namespace sampan {

// A frame as one word of text: `func (file.py:12)`, `Class#method (file.rb:3)`, a native frame's bare name.
std::string frame_label(const Frame& frame);

// All stacks with their weights, sorted; `;`, newlines and controls inside names are replaced.
std::string to_folded(const Profile& profile);

struct FoldedRead {
  std::uint64_t lines = 0;
  std::uint64_t bad = 0;            // lines without a count
  std::uint64_t first_bad_line = 0;
};
// Adds folded text to a profile; bad lines are counted, never fatal. With `baseline`, weights go to Node::baseline.
FoldedRead add_folded(Profile& profile, std::string_view text, bool baseline = false);

}  // namespace sampan

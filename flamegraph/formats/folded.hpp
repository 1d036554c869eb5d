// Folded stacks, `a;b;c 42` a line: the field's common text form, written and read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "flamegraph/profile.hpp"

namespace sampan {

// All stacks with their weights, in the order of their frames' names; `;` and controls inside names are replaced,
// kernel frames end in `_[k]`. Of a diff: two counts a line, before and after, as difffolded.pl writes them.
std::string to_folded(const Profile& profile);

struct FoldedRead {
  std::uint64_t lines = 0;
  std::uint64_t bad = 0;            // lines without a count, or beyond 2^53 in sum
  std::uint64_t first_bad_line = 0;
  std::uint64_t rounded = 0;        // counts with a fraction: weights are whole
};
// Adds folded text to a profile; bad lines are counted, never fatal; blank ones and `# comments` are neither.
// Counts::Baseline: weights go to Node::baseline. Counts::Both: two a line, before and after, as to_folded() of a diff writes.
enum class Counts : std::uint8_t { One, Baseline, Both };
FoldedRead add_folded(Profile& profile, std::string_view text, Counts counts = Counts::One);
// Whether the text's first lines each end in two counts.
bool has_two_counts(std::string_view text);

}  // namespace sampan

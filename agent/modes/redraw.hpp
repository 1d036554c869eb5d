// The modes render, merge and diff: folded text or our own pictures in, from files or URLs; a profile out. Nothing is sampled.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/contract/instants.hpp"
#include "flamegraph/profile.hpp"
#include "samplers/base/result.hpp"

namespace sampan {

// All inputs as one profile; `compare`: two of them as the difference from the first to the second. Fails with exit code 2
// where one cannot be read or is neither. Pictures carry time: they meet by the wall clock, and a window may be cut out.
Result<Profile> read_inputs(const std::vector<std::string>& inputs, bool compare, const WindowOptions& window);

// Feeds folded text in pieces of any size; lines are cut where they end. Finish with flush().
class FoldedFeed {
 public:
  explicit FoldedFeed(Profile& profile) : profile_(profile) {}
  // False where a line is longer than any that could be folded (64 MiB).
  bool feed(std::string_view piece);
  void flush();
  std::uint64_t lines() const { return lines_; }
  std::uint64_t bad() const { return bad_; }
  std::uint64_t first_bad_line() const { return first_bad_; }

 private:
  void take(std::string_view text);
  Profile& profile_;
  std::string rest_;
  std::uint64_t lines_ = 0, bad_ = 0, first_bad_ = 0;
};

}  // namespace sampan

// What `perf script` prints, read as it is: a header line a sample, its frames below, innermost first.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "flamegraph/profile.hpp"

namespace sampan {

// Takes the text line by line; each sample is one stack below its program's name.
class PerfScript {
 public:
  explicit PerfScript(Profile& profile) : profile_(profile) {}
  // Whether this looks like it: a line of the text is a frame, `ADDRESS NAME (FILE)`, below one that is not.
  static bool looks_like(std::string_view text);
  void line(std::string_view line);
  // Takes the last sample, after which no blank line may stand. How many there were.
  std::uint64_t finish();

 private:
  void header(std::string_view line);
  void end();

  Profile& profile_;
  std::string program_;
  bool open_ = false;
  std::vector<FrameId> frames_;   // innermost first
  std::uint64_t samples_ = 0;
};

}  // namespace sampan

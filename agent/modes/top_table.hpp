// The table of `top`: what a window of samples says about functions and processes, laid out for a screen.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "flamegraph/profile.hpp"

namespace sampan {

enum class TopSort : std::uint8_t { Self, Total, Name };

struct TopRow {
  std::string function;          // `Catalogue.search (app.py)`
  std::uint64_t self = 0;        // of the window
  std::uint64_t total = 0;       // recursion counted once
  std::uint64_t all_self = 0;    // since the start
};

struct TopProcess {
  std::string name;
  pid_t pid = 0;
  std::uint64_t self = 0;        // of the window
};

struct TopWindow {
  std::vector<TopRow> rows;            // not sorted
  std::vector<TopProcess> processes;   // busiest first
  std::uint64_t samples = 0;
};

// Differences between one look at a growing profile and the next.
class TopMeter {
 public:
  // What came since the last call.
  TopWindow measure(const Profile& profile);

 private:
  struct Function {
    std::string name;
    std::uint64_t self = 0, total = 0;             // as of the last call
    std::uint64_t new_self = 0, new_total = 0;     // as of this one
  };
  std::size_t function_of(const Profile& profile, FrameId id);

  std::vector<Function> functions_;
  std::map<std::string, std::size_t> by_name_;
  std::vector<std::size_t> by_frame_;              // FrameId -> function; kUnknown: not looked at
  std::map<FrameId, std::uint64_t> last_process_;
};

struct TopView {
  std::string title;
  std::string status;            // right of the title: rate, elapsed, paused
  TopSort sort = TopSort::Self;
  std::size_t columns = 80, lines = 24;
  bool color = false;            // with ANSI colours
  bool keys = false;             // a last line that names the keys
};

// Exactly `lines` lines or fewer, none wider than `columns` characters.
std::vector<std::string> top_lines(const TopWindow& window, const TopView& view);

}  // namespace sampan

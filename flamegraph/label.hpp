// A frame as one line of text, and back: what folded files, search and the picture show.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "flamegraph/profile.hpp"

namespace sampan {

// A frame as one word of text: `func (file.py:12)`, `Class#method (file.rb:3)`, a native frame's bare name.
std::string frame_label(const Frame& frame);

// frame_label() without the allocation. The bytes are the target's own: clean them when showing.
void append_label(std::string& out, const Frame& frame);

// The frame that a label of any tool names: language from the file's suffix or from perf's `_[k]`
// annotations. Its views lie in `label`. Only the annotations are lost on the way back.
Frame parse_label(std::string_view label);

// The label without its line number: frames of one function share it.
std::string_view function_of(std::string_view label, std::string& scratch);

// Whether a label's function differs by more than chance; true wherever that was not judged.
bool may_differ(const Description& description, std::string_view label);

// A profile's labels: frames that read the same are one.
struct Labels {
  enum class By { Kind, Text };
  // By::Kind keeps apart what a colour can tell; By::Text only what plain text can.
  explicit Labels(const Profile& profile, By by = By::Kind);

  struct Label {
    std::string_view text;
    FrameKind kind;
  };
  std::vector<std::uint32_t> of_frame;  // by FrameId
  static constexpr std::uint32_t kRoot = 0, kLighter = 1;  // reserved: the root, and what lay_out() left out
  std::vector<Label> all;
  std::vector<std::uint32_t> rank;      // by label: its place in the alphabet
  std::map<std::uint32_t, std::string> endings;   // by label: what its symbols end in, `.cold, .isra.0`
  bool merged = false;                  // several frames share a label

 private:
  std::string text_;
  void sort();
  void take_endings(const Profile& profile);
};

}  // namespace sampan

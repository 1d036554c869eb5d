// The frames of the static layer. There are many: what is the same for some of them is written once and copied.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "flamegraph/label.hpp"
#include "flamegraph/layout.hpp"
#include "flamegraph/palette.hpp"
#include "flamegraph/summary.hpp"

namespace sampan {

class FramePen {
 public:
  // Appends to `out`, about so many frames. All that is given must outlive the pen.
  FramePen(std::string& out, const Description& description, const Labels& labels, const Summary& summary, std::size_t frames);

  // A box at x, y and of that width, in pixels. All boxes of a depth have the same y.
  void draw(const Box& box, double x, double y, double width);

 private:
  // How a label looks in every frame that has it.
  struct Name {
    std::string_view text, xml, looks;
    double width;
    bool may_differ;            // of a diff
    std::string_view endings;   // what its symbols end in; empty: they say no more than the name
  };
  struct Row {
    std::string rect, text;   // attributes of a row's rectangles and texts
  };
  struct Figures {
    std::uint64_t total = 0;
    std::string text;         // empty: none yet
  };

  const Name& name_of(std::uint32_t label);
  std::string_view looks_of(std::uint32_t label, std::string_view text);
  const Row& row_of(std::uint32_t depth, double y);
  std::string_view figures_of(const Box& box);
  void changed(const Box& box, std::string& out) const;
  void put(std::string_view text);
  template <std::size_t Size>
  void put(const char (&text)[Size]) {   // of a size that the compiler knows
    std::memcpy(at_, text, Size - 1);
    at_ += Size - 1;
  }
  void put_label(const Box& box, const Name& name, const Row& row, double x, double room);

  std::string& out_;
  const Description& description_;
  const Labels& labels_;
  const Summary& summary_;
  std::vector<std::uint32_t> drawn_;           // by label: 1 + its place in names_, 0: not drawn yet
  std::vector<Name> names_;
  std::deque<std::string> cleaned_;            // names that could not be shown as they are
  std::array<std::string, kHues.size() * kStrengths.size()> looks_;
  std::vector<Row> rows_;                      // by depth
  std::array<Figures, 256> figures_;           // by the low bits of a weight: callees often weigh what their caller does
  std::string scratch_;
  std::vector<char> line_;                     // the frame that is written, never too small
  char* at_ = nullptr;
};

}  // namespace sampan

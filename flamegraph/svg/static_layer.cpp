#include "flamegraph/svg/static_layer.hpp"

#include <fmt/compile.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "flamegraph/palette.hpp"
#include "flamegraph/svg/frames.hpp"
#include "flamegraph/svg/static_strip.hpp"
#include "flamegraph/svg/text_width.hpp"
#include "flamegraph/text.hpp"

namespace sampan {
namespace {

constexpr double kMargin = 16, kChart = kPageWidth - 2 * kMargin, kRow = 18;
constexpr std::size_t kTopRows = 10;

class Page {
 public:
  Page(std::string& out, const Profile& profile, const Labels& labels, const Layout& layout, const Summary& summary,
       const Picture& picture)
      : out_(out), description_(profile.description), labels_(labels), layout_(layout), summary_(summary), picture_(picture) {}

  // `strip` draws at a height and says how high it is.
  template <typename Strip>
  double draw(Strip strip) {
    head();
    legend();
    if (const double high = strip(y_); high > 0) y_ += high + 10;
    chart();
    table();
    return y_ + kMargin;
  }

 private:
  template <typename Format, typename... Args>
  void put(const Format& format, Args&&... args) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<Args>(args)...);
  }

  void text_at(double x, std::string_view text, double size, std::string_view looks) {
    put(FMT_COMPILE("<text x=\"{:.4g}\" y=\"{:.6g}\" font-size=\"{}\" {}>"), x, y_, size, looks);
    append_xml(out_, text);
    out_ += "</text>\n";
  }

  // A sentence, broken at spaces into as many lines as it needs, at most four.
  void paragraph(std::string_view text, double size, std::string_view looks) {
    std::string rest = clean(text);
    for (int line = 0; line < 4 && !rest.empty(); ++line) {
      std::size_t cut = fit(rest, kChart, size).bytes;
      if (cut < rest.size()) {
        const std::size_t space = rest.rfind(' ', cut);
        if (space != std::string::npos && space > 0) cut = space;
      }
      if (cut == 0) return;
      y_ += size * 1.45;
      text_at(kMargin, line == 3 && cut < rest.size() ? rest.substr(0, cut) + "\u2026" : rest.substr(0, cut), size, looks);
      rest.erase(0, rest[cut] == ' ' ? cut + 1 : cut);
    }
  }

  void head() {
    y_ = 8;
    paragraph(description_.title.empty() ? "Flame graph" : description_.title, 22,
              "class=\"ink\" fill=\"#1b1f24\" font-weight=\"600\"");
    y_ += 2;
    if (!description_.subtitle.empty()) paragraph(description_.subtitle, 14, "class=\"ink\" fill=\"#1b1f24\"");
    paragraph(facts_sentence(summary_, description_), 13, "class=\"dim\" fill=\"#57606a\"");
    paragraph(top_sentence(summary_, description_), 13, "class=\"dim\" fill=\"#57606a\"");
    for (const std::string& alert : description_.alerts) paragraph(alert, 13, "class=\"ink\" fill=\"#1b1f24\" font-weight=\"600\"");
    for (const std::string& note : description_.notes) paragraph(note, 13, "class=\"dim\" fill=\"#57606a\"");
    y_ += 10;
  }

  void swatch(double& x, std::string_view code, std::string_view fill, const std::string& text) {
    put(FMT_COMPILE("<rect x=\"{:.5g}\" y=\"{:.6g}\" width=\"12\" height=\"12\" rx=\"2\" class=\"{}\" fill=\"{}\"/>\n"), x, y_ - 10, code,
        fill);
    text_at(x + 17, text, 12, "class=\"ink\" fill=\"#1b1f24\"");
    x += 17 + fit(text, kChart, 12).width + 18;
  }

  void legend() {
    y_ += 16;
    double x = kMargin;
    if (description_.differential) {
      swatch(x, "d0", kChanges[0], "\u2212 less than before");
      swatch(x, "d4", kChanges[4], description_.changed ? "the same, or not told from chance" : "the same");
      swatch(x, "d8", kChanges[8], "+ more than before");
    } else {
      for (const Share& share : summary_.shares) {
        const Hue& h = hue(share.kind);
        swatch(x, fmt::format("k-{}", h.code), h.light, fmt::format("{} {}", h.language, percent(share.self, summary_.total)));
      }
    }
    y_ = std::round(y_ + 14);
  }

  void chart() {
    const std::uint64_t whole = layout_.boxes[0].width;
    if (whole == 0) return nothing();
    struct Seen {
      const Box* box;
      double x, width;
    };
    std::vector<Seen> seen;
    std::uint32_t deepest = 0;  // of what is wide enough: says how high the chart is
    std::uint64_t small = 0;
    visit([&](const Box& box, double x, double width) {
      deepest = std::max(deepest, box.depth);
      seen.push_back({&box, x, width});
    }, small);
    const double top = y_;
    FramePen pen(out_, description_, labels_, summary_, seen.size());
    for (const Seen& s : seen) pen.draw(*s.box, s.x, top + (picture_.inverted ? s.box->depth : deepest - s.box->depth) * kRow, s.width);
    y_ = top + (deepest + 1) * kRow + 4;
    if (small != 0) {
      paragraph(fmt::format("{} smaller frames not drawn here; with its script running this file shows every frame, "
                            "zooms and searches.", grouped(small)), 12, "class=\"dim\" fill=\"#57606a\"");
    }
  }

  void nothing() {
    y_ += 24;
    text_at(kMargin, "No samples: nothing ran, or nothing was kept.", 15, "class=\"ink\" fill=\"#1b1f24\"");
    y_ += 12;
  }

  template <typename Draw>
  void visit(Draw draw, std::uint64_t& small) const {
    const double scale = kChart / static_cast<double>(layout_.boxes[0].width);
    std::vector<std::uint64_t> next(layout_.depth + 2);  // by depth: where the next box starts
    for (std::size_t at = 0; at < layout_.boxes.size();) {
      const Box& box = layout_.boxes[at];
      const std::uint64_t start = next[box.depth];
      next[box.depth] += box.width;
      next[box.depth + 1] = start;
      const double width = static_cast<double>(box.width) * scale;
      if (width < picture_.min_width) {
        small += box.end - at;
        at = box.end;
        continue;
      }
      draw(box, kMargin + static_cast<double>(start) * scale, width);
      ++at;
    }
  }

  void table() {
    if (summary_.top.empty() || summary_.total + summary_.base_total == 0) return;
    y_ += 30;
    text_at(kMargin, description_.differential ? "Largest changes of own time" : "Top functions by own time", 14,
            "class=\"ink\" fill=\"#1b1f24\" font-weight=\"600\"");
    y_ += 20;
    text_at(kMargin, "own", 12, "class=\"dim\" fill=\"#57606a\"");
    text_at(kMargin + 120, "with callees", 12, "class=\"dim\" fill=\"#57606a\"");
    text_at(kMargin + 240, "function", 12, "class=\"dim\" fill=\"#57606a\"");
    const std::size_t rows = std::min(kTopRows, summary_.top.size());
    for (std::size_t row = 0; row < rows; ++row) table_row(summary_.top[row]);
    y_ += 10;
  }

  void table_row(const Function& f) {
    const std::string_view ink = may_differ(description_, f.name) ? "class=\"ink\" fill=\"#1b1f24\"" : "class=\"dim\" fill=\"#57606a\"";
    y_ += 18;
    const auto figure = [&](std::uint64_t before, std::uint64_t after) {
      const std::string now = percent(after, summary_.total);
      return description_.differential ? percent(before, summary_.base_total) + " \u2192 " + now : now;
    };
    text_at(kMargin, figure(f.base_self, f.self), 12, ink);
    text_at(kMargin + 120, figure(f.base_total, f.total), 12, ink);
    put(FMT_COMPILE("<rect x=\"{}\" y=\"{:.6g}\" width=\"10\" height=\"10\" rx=\"2\" class=\"k-{}\" fill=\"{}\"/>\n"), kMargin + 240,
        y_ - 9, hue(f.kind).code, hue(f.kind).light);
    const std::string name = clean(f.name);
    text_at(kMargin + 256, name.substr(0, fit(name, kChart - 260, 12).bytes), 12, ink);
  }

  std::string& out_;
  const Description& description_;
  const Labels& labels_;
  const Layout& layout_;
  const Summary& summary_;
  const Picture& picture_;
  double y_ = 0;
};

}  // namespace

double append_static(std::string& out, const Profile& profile, const Labels& labels, const Layout& layout, const Layout& tree,
                     const std::vector<std::uint32_t>& box_of, const Summary& summary, const Picture& picture) {
  return Page(out, profile, labels, layout, summary, picture).draw([&](double y) {
    return append_static_strip(out, profile, labels, tree, box_of, kMargin, y, kChart);
  });
}

}  // namespace sampan

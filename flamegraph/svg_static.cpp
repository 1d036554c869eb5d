#include "flamegraph/svg_static.hpp"

#include <fmt/compile.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <vector>

#include "flamegraph/palette.hpp"
#include "flamegraph/text.hpp"

namespace sampan {
namespace {

constexpr double kMargin = 16, kChart = kPageWidth - 2 * kMargin, kRow = 18;
constexpr double kLeastRoom = 16;  // for text
constexpr std::size_t kTopRows = 10, kLongestTitle = 400;

// Advances of ASCII in a wide sans-serif face, in em: nothing can be measured here.
constexpr std::array<double, 128> kAdvances = [] {
  std::array<double, 128> all{};
  for (std::size_t c = 0; c < all.size(); ++c) all[c] = c >= 'A' && c <= 'Z' ? 0.7 : 0.61;
  for (const char c : {'i', 'l', 'j', 'I', '.', ',', ':', ';', '\'', '|', '!', '(', ')', '[', ']', ' ', 'f', 't', '/'}) {
    all[static_cast<std::size_t>(c)] = 0.38;
  }
  for (const char c : {'m', 'w', 'M', 'W', '@', '%'}) all[static_cast<std::size_t>(c)] = 0.96;
  return all;
}();

struct Fit {
  std::size_t bytes;
  double width;
};

// How many bytes of clean text fit into `width` pixels.
Fit fit(std::string_view text, double width, double size) {
  double used = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto lead = static_cast<unsigned char>(text[at]);
    const std::size_t bytes = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    const double next = (lead < 0x80 ? kAdvances[lead] : bytes > 2 ? 1 : 0.61) * size;
    if (used + next > width) return {at, used};
    used += next;
    at += bytes;
  }
  return {text.size(), used};
}

class Page {
 public:
  Page(std::string& out, const Profile& profile, const Labels& labels, const Layout& layout, const Summary& summary,
       const Picture& picture)
      : out_(out), description_(profile.description), labels_(labels), layout_(layout), summary_(summary), picture_(picture) {}

  double draw() {
    head();
    legend();
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
      swatch(x, "d4", kChanges[4], "the same");
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
    for (const Seen& s : seen) frame(*s.box, s.x, top + (picture_.inverted ? s.box->depth : deepest - s.box->depth) * kRow, s.width);
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

  void figures(const Box& box) {
    const std::string& unit = description_.unit;
    if (description_.differential) {
      append_amount(out_, box.base_total, unit);
      append_amount(out_ += " \u2192 ", box.total, unit);
      append_percent(out_ += ", ", box.base_total, summary_.base_total);
      append_percent(out_ += " \u2192 ", box.total, summary_.total);
      return;
    }
    append_amount(out_, box.total, unit);
    append_percent(out_ += ", ", box.total, summary_.total);
  }

  void number(std::string_view before, double value, int decimals) {
    out_ += before;
    append_fixed(out_, value, decimals);
  }

  // How a label looks in every frame that has it.
  struct Name {
    std::string text, xml, looks;
    double width;
  };

  const Name& name_of(std::uint32_t id) {
    if (names_.empty()) names_.resize(labels_.all.size());
    auto& kept = names_[id];
    if (kept) return *kept;
    const auto& label = labels_.all[id];
    std::string text = clean(label.text), xml, scratch;
    if (text.size() > kLongestTitle) text = shorten(text, kLongestTitle);
    append_xml(xml, text);
    const Hue& h = hue(id == Labels::kRoot ? FrameKind::Process : label.kind);
    std::string looks = fmt::format("class=\"k-{}\" fill=\"{}\" fill-opacity=\"{}\"/>", h.code, h.light,
                                    kStrengths[strength(function_of(text, scratch))]);
    const auto whole = fit(text, kChart, 12);
    const double width = whole.bytes == text.size() ? whole.width : kChart;
    kept = std::make_unique<Name>(Name{std::move(text), std::move(xml), std::move(looks), width});
    return *kept;
  }

  void frame(const Box& box, double x, double y, double width) {
    const Name& name = name_of(box.label);
    (out_ += "<g><title>") += name.xml;
    out_ += " (";
    figures(box);
    number(")</title><rect x=\"", x, 2);
    number("\" y=\"", y, 0);
    number("\" width=\"", std::max(width - 0.6, 0.4), 2);
    out_ += "\" height=\"17\" rx=\"1.5\" ";
    if (description_.differential) {
      const auto step = static_cast<std::size_t>(change_step(box.base_total, box.total) + 4);
      put(FMT_COMPILE("class=\"d{}\" fill=\"{}\"/>"), step, kChanges[step]);
      put_cut((box.total > box.base_total ? "+ " : box.total < box.base_total ? "\u2212 " : "") + name.text, x + 4, y + 12.5, width - 7);
    } else {
      out_ += name.looks;
      if (name.width <= width - 7 && width - 7 >= kLeastRoom) put_text(name.xml, x + 4, y + 12.5);
      else put_cut(name.text, x + 4, y + 12.5, width - 7);
    }
    out_ += "</g>\n";
  }

  void put_text(std::string_view xml, double x, double y) {
    number("<text x=\"", x, 2);
    number("\" y=\"", y, 1);
    ((out_ += "\" class=\"on\">") += xml) += "</text>";
  }

  // As much of a name as there is room for.
  void put_cut(const std::string& name, double x, double y, double room) {
    if (room < kLeastRoom) return;
    std::size_t bytes = fit(name, room, 12).bytes;
    const bool cut = bytes < name.size();
    if (cut) bytes = fit(name, room - 8, 12).bytes;
    if (cut && bytes < 2) return;
    std::string xml;
    append_xml(xml, std::string_view(name).substr(0, bytes));
    if (cut) xml += "\u2026";
    put_text(xml, x, y);
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
    constexpr std::string_view kInk = "class=\"ink\" fill=\"#1b1f24\"";
    y_ += 18;
    const auto figure = [&](std::uint64_t before, std::uint64_t after) {
      const std::string now = percent(after, summary_.total);
      return description_.differential ? percent(before, summary_.base_total) + " \u2192 " + now : now;
    };
    text_at(kMargin, figure(f.base_self, f.self), 12, kInk);
    text_at(kMargin + 120, figure(f.base_total, f.total), 12, kInk);
    put(FMT_COMPILE("<rect x=\"{}\" y=\"{:.6g}\" width=\"10\" height=\"10\" rx=\"2\" class=\"k-{}\" fill=\"{}\"/>\n"), kMargin + 240,
        y_ - 9, hue(f.kind).code, hue(f.kind).light);
    const std::string name = clean(f.name);
    text_at(kMargin + 256, name.substr(0, fit(name, kChart - 260, 12).bytes), 12, kInk);
  }

  std::string& out_;
  const Description& description_;
  const Labels& labels_;
  const Layout& layout_;
  const Summary& summary_;
  const Picture& picture_;
  double y_ = 0;
  std::vector<std::unique_ptr<Name>> names_;  // by label, once it was drawn
};

}  // namespace

double append_static(std::string& out, const Profile& profile, const Labels& labels, const Layout& layout,
                     const Summary& summary, const Picture& picture) {
  return Page(out, profile, labels, layout, summary, picture).draw();
}

}  // namespace sampan

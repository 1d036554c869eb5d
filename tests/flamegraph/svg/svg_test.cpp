#include "flamegraph/svg/svg.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>

#include "flamegraph/formats/folded.hpp"
#include "flamegraph/palette.hpp"
#include "flamegraph/svg/read.hpp"

namespace sampan {
namespace {

Profile folded(std::string_view text) {
  Profile profile;
  add_folded(profile, text);
  profile.description.title = "title";
  return profile;
}

std::size_t count(std::string_view text, std::string_view what) {
  std::size_t found = 0;
  for (std::size_t at = text.find(what); at != std::string_view::npos; at = text.find(what, at + 1)) ++found;
  return found;
}

TEST(Svg, DrawsOneMergedFrame) {
  const std::string svg = render_svg(folded("r;foo 500\nr;foo.bar;x 100\nr;foo;y 200\n"));
  EXPECT_EQ(count(svg, "<title>foo (700 samples, 87.5 %)</title>"), 1u);
  EXPECT_EQ(count(svg, "<title>foo ("), 1u);
  EXPECT_EQ(count(svg, "<names>"), 1u);
}

// Parts and copies of a function are one frame; its tooltip keeps what compilers called them, and so does who reads it back.
TEST(Svg, KeepsTheEndingsOfSymbols) {
  Profile profile = folded("main;spin 3\nmain;other 1\n");
  profile.note_ending(profile.intern({FrameKind::Native, "spin", {}}), ".isra.0");
  profile.note_ending(profile.intern({FrameKind::Native, "spin", {}}), ".cold");
  profile.note_ending(profile.intern({FrameKind::Native, "other", {}}), "<script>");
  const std::string svg = render_svg(profile);
  EXPECT_EQ(count(svg, "<title>spin (3 samples, 75.0 %; compiled as .cold, .isra.0)</title>"), 1u);
  EXPECT_EQ(count(svg, "compiled as"), 2u);   // and the script's own word
  Profile read;
  EXPECT_EQ(read_svg(svg, read), "");
  EXPECT_EQ(count(render_svg(read), "<title>spin (3 samples, 75.0 %; compiled as .cold, .isra.0)</title>"), 1u);
}

TEST(Svg, SaysWhatIsNotDrawn) {
  const std::string svg = render_svg(folded("a 100000\nb;c 1\n"));
  EXPECT_NE(svg.find("2 smaller frames not drawn"), std::string::npos);
  EXPECT_NE(svg.find("frames=\"4\""), std::string::npos);  // all of them in the data
}

TEST(Svg, SaysThatThereIsNothing) { EXPECT_NE(render_svg(Profile()).find("No samples"), std::string::npos); }

TEST(Svg, IsTheSameTwice) {
  const Profile profile = folded("a;b 3\na;c 4\nd 5\n");
  EXPECT_EQ(render_svg(profile), render_svg(profile));
}

TEST(Svg, HoldsTheConstantScriptAndStyleAsTheyAre) {
  const std::string svg = render_svg(folded("a 1\n"));
  EXPECT_NE(svg.find("<script><![CDATA[" + std::string(viewer_script()) + "]]></script>"), std::string::npos);
  EXPECT_NE(svg.find("<style><![CDATA[" + std::string(viewer_style()) + "]]></style>"), std::string::npos);
  EXPECT_EQ(viewer_script().find("]]>"), std::string::npos);
  EXPECT_EQ(viewer_style().find("]]>"), std::string::npos);
}

TEST(Svg, NeedsNoStyleAttributeAndNoForeignFile) {
  Profile profile = folded("a;b 3\n");
  profile.description.notes.push_back("A note.");
  const std::string svg = render_svg(profile);
  const std::string page = svg.substr(0, svg.find("<style>")) + svg.substr(svg.find("</style>"), svg.find("<script>") - svg.find("</style>"));
  for (const char* banned : {" style=", "href", "url(", "<!DOCTYPE", "<image"}) EXPECT_EQ(page.find(banned), std::string::npos) << banned;
  EXPECT_EQ(viewer_style().find("url("), std::string_view::npos);
  EXPECT_EQ(viewer_script().find("innerHTML"), std::string_view::npos);
  EXPECT_EQ(viewer_script().find("eval("), std::string_view::npos);
}

double luminance(std::string_view hex) {
  double sum = 0;
  constexpr double kShare[] = {0.2126, 0.7152, 0.0722};
  for (std::size_t channel = 0; channel < 3; ++channel) {
    const double c = std::stoi(std::string(hex.substr(1 + channel * 2, 2)), nullptr, 16) / 255.0;
    sum += kShare[channel] * (c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4));
  }
  return sum;
}

double contrast(std::string_view a, std::string_view b) {
  const double x = luminance(a), y = luminance(b);
  return (std::max(x, y) + 0.05) / (std::min(x, y) + 0.05);
}

// `share` of a colour laid over another.
std::string over(std::string_view colour, std::string_view paper, double share) {
  std::string out = "#";
  for (std::size_t at = 1; at < 7; at += 2) {
    const auto channel = [&](std::string_view hex) { return std::stoi(std::string(hex.substr(at, 2)), nullptr, 16); };
    out += fmt::format("{:02x}", static_cast<int>(std::lround(channel(colour) * share + channel(paper) * (1 - share))));
  }
  return out;
}

// At full strength and at the weakest, which in the light theme is nearer to the paper and stands off even more.
TEST(Palette, TextStandsOffEveryHue) {
  const std::string style(viewer_style());
  ASSERT_NE(style.find("--on:#101317"), std::string::npos);
  ASSERT_NE(style.find("[fill-opacity=\".58\"]{fill-opacity:.8}"), std::string::npos);
  EXPECT_EQ(kStrengths.back(), ".58");
  for (const Hue& h : kHues) {
    EXPECT_GE(contrast(h.light, "#1b1f24"), 4.5) << h.language;
    EXPECT_GE(contrast(h.dark, "#101317"), 4.5) << h.language;
    EXPECT_GE(contrast(over(h.dark, "#14171b", 0.8), "#101317"), 4.5) << h.language;
  }
  for (const auto& colour : kChanges) EXPECT_GE(contrast(colour, "#1b1f24"), 4.5) << colour;
  const std::string dark = style.substr(style.find("prefers-color-scheme:dark"));
  for (int step = 0; step < 9; ++step) {
    const std::string rule = fmt::format(".d{}{{--c:", step);
    EXPECT_GE(contrast(dark.substr(dark.find(rule) + rule.size(), 7), "#101317"), 4.5) << rule;
  }
}

TEST(Palette, IsTheStylesToo) {
  const std::string style(viewer_style());
  for (const Hue& h : kHues) {
    const std::string rule = std::string(".sampan .k-") + h.code + "{--c:";
    EXPECT_NE(style.find(rule + std::string(h.light) + ";"), std::string::npos) << h.language;
    EXPECT_NE(style.find(rule + std::string(h.dark) + "}"), std::string::npos) << h.language;
  }
  for (std::size_t step = 0; step < kChanges.size(); ++step) {
    EXPECT_NE(style.find(".sampan .d" + std::to_string(step) + "{--c:" + std::string(kChanges[step]) + ";"), std::string::npos);
  }
}

TEST(Palette, HasOneRowAKind) {
  for (std::size_t at = 0; at < kHues.size(); ++at) EXPECT_EQ(static_cast<std::size_t>(kHues[at].kind), at);
  EXPECT_EQ(kHues.back().kind, FrameKind::Note);
}

TEST(Palette, TellsNewFromGone) {
  EXPECT_EQ(change_step(0, 9), 4);
  EXPECT_EQ(change_step(9, 0), -4);
  EXPECT_EQ(change_step(9, 9), 0);
  EXPECT_EQ(change_step(100, 101), 1);
  EXPECT_EQ(change_step(100, 60), -2);
}

}  // namespace
}  // namespace sampan

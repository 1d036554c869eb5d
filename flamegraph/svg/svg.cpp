#include "flamegraph/svg/svg.hpp"

#include <fmt/format.h>

#include "flamegraph/label.hpp"
#include "flamegraph/layout.hpp"
#include "flamegraph/summary.hpp"
#include "flamegraph/svg/data.hpp"
#include "flamegraph/svg/static_layer.hpp"
#include "flamegraph/text.hpp"

extern "C" {
extern const char viewer_js[], viewer_js_end[], viewer_css[], viewer_css_end[];
}

namespace sampan {
namespace {

constexpr std::string_view kFace =
    "system-ui,-apple-system,Segoe UI,Roboto,Helvetica Neue,Noto Sans,DejaVu Sans,Arial,sans-serif";
constexpr std::size_t kTopRows = 10;

// The height is known last: numbers of so many digits (leading zeros are valid) are written over then.
constexpr std::string_view kNoHeight = "00000000";

void append_head(std::string& out, const Description& description) {
  out += "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
  fmt::format_to(std::back_inserter(out),
                 "<svg xmlns=\"http://www.w3.org/2000/svg\" version=\"1.1\" width=\"{0}\" height=\"{1}\" "
                 "viewBox=\"0 0 {0} {1}\" font-family=\"{2}\" font-size=\"12\" fill=\"#1b1f24\" class=\"sampan\">\n<title>",
                 kPageWidth, kNoHeight, kFace);
  append_xml(out, description.title.empty() ? "Flame graph" : description.title);
  out += "</title>\n<style><![CDATA[";
  out += viewer_style();
  out += "]]></style>\n";
}

// Writes the height over its three places, the last of which lies just before `page`.
void set_height(std::string& out, std::size_t page, double height) {
  const std::string digits = fmt::format("{:0{}.0f}", height, kNoHeight.size());
  const auto put = [&](std::string_view before, std::size_t from) {
    out.replace(out.find(before, from) + before.size(), kNoHeight.size(), digits);
  };
  put("height=\"", 0);
  put(fmt::format("viewBox=\"0 0 {} ", kPageWidth), 0);
  put("height=\"", out.rfind("<rect class=\"paper\"", page));
}

}  // namespace

std::string_view viewer_script() { return {viewer_js, static_cast<std::size_t>(viewer_js_end - viewer_js)}; }
std::string_view viewer_style() { return {viewer_css, static_cast<std::size_t>(viewer_css_end - viewer_css)}; }

std::string render_svg(const Profile& profile, const Picture& picture) {
  const Labels labels(profile);
  std::vector<std::uint32_t> box_of;
  const bool timed = profile.moments.any() && !profile.description.differential;
  const Layout layout = lay_out(profile, labels, false, picture.most_frames, timed ? &box_of : nullptr);
  const Summary summary = summarise(layout, labels, profile.description.differential, kTopRows);

  std::string out;
  out.reserve(viewer_script().size() + viewer_style().size() + layout.boxes.size() * 40 + profile.moments.size() * 4 + 128 * 1024);
  append_head(out, profile.description);
  append_data(out, profile, labels, layout, box_of, summary, picture);
  fmt::format_to(std::back_inserter(out), "<rect class=\"paper\" width=\"{}\" height=\"{}\" fill=\"#ffffff\"/>\n<g class=\"static\">\n",
                 kPageWidth, kNoHeight);
  const std::size_t page = out.size();
  const double height = append_static(out, profile, labels, picture.reverse ? lay_out(profile, labels, true, picture.most_frames) : layout,
                                      layout, box_of, summary, picture);
  set_height(out, page, height);
  out += "</g>\n<script><![CDATA[";
  out += viewer_script();
  out += "]]></script>\n</svg>\n";
  return out;
}

std::string write_svg(const Profile& profile, const Picture& picture) { return render_svg(profile, picture); }

}  // namespace sampan

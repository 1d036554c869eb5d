#include "flamegraph/svg/static_strip.hpp"

#include <fmt/compile.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "flamegraph/palette.hpp"
#include "flamegraph/svg/text_width.hpp"
#include "flamegraph/text.hpp"

namespace sampan {
namespace {

constexpr std::size_t kMostLanes = 8, kColumns = 240;
constexpr double kLane = 16, kNames = 180, kAxis = 16;

struct Column {
  std::uint64_t weight = 0, most = 0;
  std::uint32_t hottest = 0;   // what ran most, a label
};

std::uint64_t weight_of(const Lane& lane) {
  return lane.weights.empty() ? lane.moments.size() : std::accumulate(lane.weights.begin(), lane.weights.end(), std::uint64_t{0});
}

// A wait counts where it began here: good enough for columns of a whole run.
// `counts`: by label; all 0, and left so.
std::vector<Column> columns_of(const Lane& lane, const Layout& layout, const std::vector<std::uint32_t>& box_of, double ticks_a_column,
                               std::vector<std::uint64_t>& counts) {
  std::vector<Column> columns(kColumns);
  std::vector<std::uint32_t> seen;
  std::size_t before = 0;
  for (std::size_t i = 0; i < lane.moments.size(); ++i) {
    const std::size_t at = std::min(static_cast<std::size_t>(lane.moments[i].at / ticks_a_column), kColumns - 1);
    if (at != before) {   // samples are in order of time
      for (const std::uint32_t label : seen) counts[label] = 0;
      seen.clear();
      before = at;
    }
    const std::uint32_t label = layout.boxes[box_of[lane.moments[i].node]].label;
    if (counts[label] == 0) seen.push_back(label);
    counts[label] += lane.weight(i);
    columns[at].weight += lane.weight(i);
    if (counts[label] > columns[at].most) columns[at].most = counts[label], columns[at].hottest = label;
  }
  for (const std::uint32_t label : seen) counts[label] = 0;
  return columns;
}

// Bars as one path a colour.
void append_bars(std::string& out, const std::vector<Column>& columns, const Labels& labels, double x, double bottom, double width) {
  std::uint64_t most = 1;
  for (const Column& column : columns) most = std::max(most, column.weight);
  std::map<std::pair<FrameKind, std::size_t>, std::string> paths;
  const double step = width / static_cast<double>(kColumns);
  std::string scratch;
  for (std::size_t c = 0; c < columns.size(); ++c) {
    if (columns[c].weight == 0) continue;
    const auto& label = labels.all[columns[c].hottest];
    const double high = std::max(1.0, (kLane - 3) * static_cast<double>(columns[c].weight) / static_cast<double>(most));
    fmt::format_to(std::back_inserter(paths[{label.kind, strength(function_of(label.text, scratch))}]), FMT_COMPILE("M{:.1f} {:.0f}h{:.2f}v-{:.1f}h-{:.2f}z"),
                   x + static_cast<double>(c) * step, bottom, step, high, step);
  }
  for (const auto& [looks, path] : paths) {
    const Hue& h = hue(looks.first);
    fmt::format_to(std::back_inserter(out), "<path class=\"k-{}\" fill=\"{}\" fill-opacity=\"{}\" d=\"{}\"/>\n", h.code, h.light, kStrengths[looks.second], path);
  }
}

// As high as its largest value or 100 %, whichever is more.
void append_gauge(std::string& out, const TimeSeries& series, double length_ns, double x, double bottom, double width) {
  double most = 100;
  for (const auto& point : series.points) most = std::max(most, point.value);
  const double columns = static_cast<double>(std::clamp<std::size_t>(series.points.size(), 1, kColumns)), step = width / columns;
  out += "<path class=\"gauge\" fill=\"#57606a\" fill-opacity=\"0.7\" d=\"";
  for (double c = 0; c < columns; ++c) {
    const double mean = series.mean(static_cast<std::uint64_t>(length_ns * c / columns), static_cast<std::uint64_t>(length_ns * (c + 1) / columns));
    if (mean <= 0) continue;
    fmt::format_to(std::back_inserter(out), FMT_COMPILE("M{:.1f} {:.1f}h{:.2f}v-{:.1f}h-{:.2f}z"), x + c * step, bottom, step, (kLane - 3) * mean / most, step);
  }
  out += "\"/>\n";
}

void append_text(std::string& out, double x, double y, std::string_view anchor, std::string_view text) {
  fmt::format_to(std::back_inserter(out), "<text x=\"{:.1f}\" y=\"{:.1f}\" font-size=\"11\" text-anchor=\"{}\" class=\"dim\" fill=\"#57606a\">", x, y, anchor);
  append_xml(out, text);
  out += "</text>\n";
}

}  // namespace

double append_static_strip(std::string& out, const Profile& profile, const Labels& labels, const Layout& layout,
                           const std::vector<std::uint32_t>& box_of, double x, double y, double width) {
  const Moments& moments = profile.moments;
  if (!moments.any() || box_of.empty()) return 0;
  std::vector<std::pair<std::uint64_t, const Lane*>> lanes;
  for (const Lane& lane : moments.lanes()) {
    if (!lane.moments.empty()) lanes.emplace_back(weight_of(lane), &lane);
  }
  std::stable_sort(lanes.begin(), lanes.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  lanes.resize(std::min(lanes.size(), kMostLanes));
  const auto length = static_cast<double>(std::max(moments.end_ns(), profile.description.duration_ns));
  const double ticks_a_column = std::max(length / static_cast<double>(moments.tick_ns()) / static_cast<double>(kColumns), 1e-6);
  std::vector<std::uint64_t> counts(labels.all.size());
  double bottom = y;
  for (const auto& [weight, lane] : lanes) {
    bottom += kLane;
    const FrameId frame = lane->thread != Profile::kNoFrame ? lane->thread : lane->process;
    const std::string name = frame == Profile::kNoFrame ? "other threads" : clean(frame_label(profile.frame(frame)));
    append_text(out, x, bottom - 4, "start", name.substr(0, fit(name, kNames - 8, 11).bytes));
    append_bars(out, columns_of(*lane, layout, box_of, ticks_a_column, counts), labels, x + kNames, bottom - 1, width - kNames);
  }
  for (const TimeSeries& series : profile.timeline.series()) {
    bottom += kLane;
    append_text(out, x, bottom - 4, "start", series.name);
    append_gauge(out, series, length, x + kNames, bottom - 1, width - kNames);
  }
  for (const Mark& mark : profile.timeline.marks()) {
    fmt::format_to(std::back_inserter(out), "<path class=\"mark\" stroke=\"#57606a\" stroke-dasharray=\"2 2\" d=\"M{:.1f} {:.1f}V{:.1f}\"><title>",
                   x + kNames + static_cast<double>(mark.at_ns) / length * (width - kNames), y, bottom);
    append_xml(out, mark.text);
    out += "</title></path>\n";
  }
  append_text(out, x + kNames, bottom + 12, "start", "0 s");
  append_text(out, x + width, bottom + 12, "end", fmt::format("{:.3g} s", length / 1e9));
  return bottom + kAxis - y;
}

}  // namespace sampan

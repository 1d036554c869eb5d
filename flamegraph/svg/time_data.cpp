#include "flamegraph/svg/time_data.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "flamegraph/bursts.hpp"
#include "flamegraph/label.hpp"
#include "flamegraph/svg/base64.hpp"
#include "flamegraph/text.hpp"

namespace sampan {
namespace {

constexpr std::uint64_t kMostColumns = 600;

// Boxes in which samples end, the most frequent first.
struct Stacks {
  std::vector<std::uint32_t> boxes;
  std::vector<std::uint32_t> rank;   // by box
};

Stacks stacks_of(const Moments& moments, const std::vector<std::uint32_t>& box_of) {
  Stacks stacks;
  std::vector<std::uint32_t> uses;
  for (const Lane& lane : moments.lanes()) {
    for (const TimedSample& m : lane.moments) {
      const std::uint32_t box = box_of[m.node];
      if (uses.size() <= box) uses.resize(box + std::size_t{1});
      if (uses[box]++ == 0) stacks.boxes.push_back(box);
    }
  }
  std::sort(stacks.boxes.begin(), stacks.boxes.end(),
            [&](std::uint32_t a, std::uint32_t b) { return uses[a] != uses[b] ? uses[a] > uses[b] : a < b; });
  stacks.rank.resize(uses.size());
  for (std::uint32_t at = 0; at < stacks.boxes.size(); ++at) stacks.rank[stacks.boxes[at]] = at;
  return stacks;
}

class Recent {
 public:
  // 1 + where it stood, or 0; from now on it stands first.
  std::size_t find(std::uint32_t stack) {
    const auto end = list_.begin() + static_cast<std::ptrdiff_t>(size_);
    auto at = std::find(list_.begin(), end, stack);
    const std::size_t found = at == end ? 0 : static_cast<std::size_t>(at - list_.begin()) + 1;
    if (found == 0) at = size_ < list_.size() ? list_.begin() + static_cast<std::ptrdiff_t>(size_++) : list_.end() - 1;
    std::move_backward(list_.begin(), at, at + 1);
    list_[0] = stack;
    return found;
  }

 private:
  std::array<std::uint32_t, kRecentStacks> list_{};
  std::size_t size_ = 0;
};

void append_lane(Base64& data, const Lane& lane, const std::vector<std::uint32_t>& box_of, const Stacks& stacks, double ticks, bool weighed) {
  data.number(lane.moments.size());
  Recent recent;
  std::uint64_t before = 0;
  for (std::size_t i = 0; i < lane.moments.size(); ++i) {
    const auto at = static_cast<std::uint64_t>(lane.moments[i].at * ticks + 0.5);
    const std::uint32_t rank = stacks.rank[box_of[lane.moments[i].node]];
    const std::size_t found = recent.find(rank);
    const std::uint64_t gap = at - before;
    data.number(found * 2 + (gap != 1));
    if (found == 0) data.number(rank);
    if (gap != 1) data.number(gap);
    if (weighed) data.number(lane.weight(i));
    before = at;
  }
}

std::string label_of(const Profile& profile, FrameId frame) {
  return frame == Profile::kNoFrame ? std::string() : frame_label(profile.frame(frame));
}

// A figure's columns, of equal length; what is not known in one stays empty.
void append_gauge(std::string& out, const TimeSeries& series, std::uint64_t length_ns) {
  append_xml(out, series.name);
  const std::uint64_t columns = std::clamp<std::uint64_t>(series.points.size(), 1, kMostColumns);
  for (std::uint64_t c = 0; c < columns; ++c) {
    const double mean = series.mean(length_ns * c / columns, length_ns * (c + 1) / columns);
    out += c == 0 ? '\t' : ' ';
    if (mean >= 0) fmt::format_to(std::back_inserter(out), "{:.3g}", mean);
  }
}

void append_timeline(std::string& out, const Profile& profile) {
  const Timeline& timeline = profile.timeline;
  const std::uint64_t length = std::max(profile.moments.end_ns(), profile.description.duration_ns);
  out += "<marks>";
  for (const Mark& mark : timeline.marks()) {
    fmt::format_to(std::back_inserter(out), "{}{:.3f}\t", &mark == &timeline.marks()[0] ? "" : "\n", static_cast<double>(mark.at_ns) / 1e9);
    append_xml(out, shorten(mark.text, 160));
  }
  out += "</marks>\n<gauges>";
  for (const TimeSeries& series : timeline.series()) {
    if (&series != &timeline.series()[0]) out += '\n';
    append_gauge(out, series, length);
  }
  out += "</gauges>\n";
}

}  // namespace

void append_time(std::string& out, const Profile& profile, const std::vector<std::uint32_t>& box_of) {
  const Moments& moments = profile.moments;
  if (!moments.any()) return;
  std::vector<const Lane*> lanes;
  bool weighed = false;
  for (const Lane& lane : moments.lanes()) {
    if (lane.moments.empty()) continue;
    lanes.push_back(&lane);
    weighed |= !lane.weights.empty();
  }
  out += "<threads>";
  for (const Lane* lane : lanes) {
    if (lane != lanes[0]) out += '\n';
    append_xml(out, shorten(label_of(profile, lane->process), 200));
    out += '\t';
    append_xml(out, shorten(label_of(profile, lane->thread), 200));
  }
  // As fine as samples lie apart, which is a byte a sample less than as fine as they are known.
  const Description& d = profile.description;
  const double period = d.rate > 0 ? std::round(1e6 / d.rate) * 1000 : 0;
  const double tick = std::max(std::ceil(static_cast<double>(moments.tick_ns()) / 1000) * 1000, period);
  fmt::format_to(std::back_inserter(out), "</threads>\n<time start=\"{}\" tick=\"{:.0f}\" samples=\"{}\" length=\"{}\" rate=\"{:.6g}\"{}>",
                 (moments.start_ns() + 500'000) / 1'000'000, tick / 1000, moments.size(),
                 std::max(moments.end_ns(), d.duration_ns) / 1'000'000, d.rate, weighed ? " weighed=\"1\"" : "");
  Base64 data(out);
  const Stacks stacks = stacks_of(moments, box_of);
  data.number(stacks.boxes.size());
  for (const std::uint32_t box : stacks.boxes) data.number(box);
  for (const Lane* lane : lanes) append_lane(data, *lane, box_of, stacks, static_cast<double>(moments.tick_ns()) / tick, weighed);
  data.finish();
  out += "</time>\n<bursts>";
  for (const Burst& burst : bursts(profile)) {
    fmt::format_to(std::back_inserter(out), "{:.3f}-{:.3f}\t", static_cast<double>(burst.from_ns) / 1e9, static_cast<double>(burst.to_ns) / 1e9);
    append_xml(out, burst_sentence(burst));
    out += '\n';
  }
  out += "</bursts>\n";
  append_timeline(out, profile);
}

}  // namespace sampan

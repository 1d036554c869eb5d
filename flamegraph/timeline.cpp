#include "flamegraph/timeline.hpp"

#include <algorithm>

namespace sampan {

double TimeSeries::mean(std::uint64_t from_ns, std::uint64_t to_ns) const {
  double sum = 0, known = 0;
  const auto later = [](const Point& p, std::uint64_t at) { return p.at_ns <= at; };
  for (auto at = std::lower_bound(points.begin(), points.end(), from_ns, later); at != points.end(); ++at) {
    const std::uint64_t begin = at == points.begin() ? 0 : (at - 1)->at_ns;
    if (begin >= to_ns) break;
    const auto length = static_cast<double>(std::min(at->at_ns, to_ns) - std::max(begin, from_ns));
    sum += at->value * length;
    known += length;
  }
  return known > 0 ? sum / known : -1;
}

void Timeline::mark(std::uint64_t at_ns, std::string text) {
  if (marks_.size() >= kMostMarks) return void(++more_marks_);
  const auto after = std::upper_bound(marks_.begin(), marks_.end(), at_ns, [](std::uint64_t at, const Mark& m) { return at < m.at_ns; });
  marks_.insert(after, {at_ns, std::move(text)});
}

void Timeline::put(std::string_view name, std::uint64_t at_ns, double value) {
  auto series = std::find_if(series_.begin(), series_.end(), [&](const TimeSeries& s) { return s.name == name; });
  if (series == series_.end()) series = series_.insert(series_.end(), {std::string(name), {}});
  auto& points = series->points;
  points.push_back({at_ns, value});
  if (points.size() < kMostPoints) return;
  std::vector<TimeSeries::Point> half;
  for (std::size_t i = 1; i < points.size(); i += 2) {
    half.push_back({points[i].at_ns, series->mean(i < 2 ? 0 : points[i - 2].at_ns, points[i].at_ns)});
  }
  points = std::move(half);
}

void Timeline::keep(std::uint64_t from_ns, std::uint64_t to_ns) {
  std::erase_if(marks_, [&](const Mark& m) { return m.at_ns < from_ns || m.at_ns >= to_ns; });
  for (Mark& m : marks_) m.at_ns -= from_ns;
  for (TimeSeries& series : series_) {
    auto& points = series.points;
    const auto end = std::find_if(points.begin(), points.end(), [&](const TimeSeries::Point& p) { return p.at_ns >= to_ns; });
    if (end != points.end()) points.erase(end + 1, points.end());
    std::erase_if(points, [&](const TimeSeries::Point& p) { return p.at_ns <= from_ns; });
    for (TimeSeries::Point& p : points) p.at_ns = std::min(p.at_ns, to_ns) - from_ns;
  }
  std::erase_if(series_, [](const TimeSeries& s) { return s.points.empty(); });
}

void Timeline::add(const Timeline& other, std::uint64_t shift_ns) {
  for (const Mark& m : other.marks_) mark(m.at_ns + shift_ns, m.text);
  more_marks_ += other.more_marks_;
  if (!series_.empty()) return;
  series_ = other.series_;
  for (TimeSeries& series : series_) {
    for (TimeSeries::Point& p : series.points) p.at_ns += shift_ns;
  }
}

}  // namespace sampan

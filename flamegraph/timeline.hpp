// What stacks cannot say, over the same time: figures such as how much a quota throttled, and marks such as a worker's end.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sampan {

struct Mark {
  std::uint64_t at_ns = 0;   // since the profile's start
  std::string text;
  bool operator==(const Mark&) const = default;
};

// One figure in percent. A point's value holds from the point before it.
struct TimeSeries {
  struct Point {
    std::uint64_t at_ns = 0;
    double value = 0;
    bool operator==(const Point&) const = default;
  };
  std::string name;          // `throttled`
  std::vector<Point> points;
  bool operator==(const TimeSeries&) const = default;
  // The mean over [from, to); less than 0: it is not known there.
  double mean(std::uint64_t from_ns, std::uint64_t to_ns) const;
};

class Timeline {
 public:
  static constexpr std::size_t kMostMarks = 256, kMostPoints = 4096;   // beyond: counted only; two become one

  void mark(std::uint64_t at_ns, std::string text);
  // Points come in order of time.
  void put(std::string_view name, std::uint64_t at_ns, double value);
  // Keeps [from, to), which begins at 0 then.
  void keep(std::uint64_t from_ns, std::uint64_t to_ns);
  void add(const Timeline& other, std::uint64_t shift_ns);   // its marks; its figures where there are none yet

  bool any() const { return !marks_.empty() || !series_.empty(); }
  const std::vector<Mark>& marks() const { return marks_; }
  const std::vector<TimeSeries>& series() const { return series_; }
  std::uint64_t more_marks() const { return more_marks_; }

 private:
  std::vector<Mark> marks_;
  std::vector<TimeSeries> series_;
  std::uint64_t more_marks_ = 0;
};

}  // namespace sampan

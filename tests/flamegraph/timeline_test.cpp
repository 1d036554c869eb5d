#include "flamegraph/timeline.hpp"

#include <gtest/gtest.h>

#include <utility>

#include "flamegraph/profile.hpp"
#include "flamegraph/svg/read.hpp"
#include "flamegraph/svg/svg.hpp"

namespace sampan {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

double sum_of(const TimeSeries& series) {
  double sum = 0;
  std::uint64_t before = 0;
  for (const auto& point : series.points) sum += point.value * static_cast<double>(point.at_ns - std::exchange(before, point.at_ns));
  return sum;
}

TEST(Timeline, AMeanIsWeightedByTime) {
  const TimeSeries series{"throttled", {{kSecond, 10}, {3 * kSecond, 40}}};
  EXPECT_DOUBLE_EQ(series.mean(0, kSecond), 10);
  EXPECT_DOUBLE_EQ(series.mean(0, 3 * kSecond), 30);
  EXPECT_DOUBLE_EQ(series.mean(2 * kSecond, 5 * kSecond), 40);
  EXPECT_LT(series.mean(3 * kSecond, 5 * kSecond), 0);
}

TEST(Timeline, ManyPointsAreHalvedAndKeepTheirSum) {
  Timeline timeline;
  double sum = 0;
  for (std::uint64_t i = 1; i <= 3 * Timeline::kMostPoints; ++i) {
    timeline.put("CPU", i * kSecond, static_cast<double>(i % 7));
    sum += static_cast<double>(i % 7) * 1e9;
  }
  EXPECT_LE(timeline.series()[0].points.size(), Timeline::kMostPoints);
  EXPECT_NEAR(sum_of(timeline.series()[0]), sum, sum / 1000);
}

TEST(Timeline, KeepsAWindow) {
  Timeline timeline;
  for (std::uint64_t i = 1; i <= 10; ++i) timeline.put("CPU", i * kSecond, static_cast<double>(i));
  timeline.mark(kSecond, "early");
  timeline.mark(5 * kSecond, "inside");
  timeline.keep(4 * kSecond + kSecond / 2, 7 * kSecond);
  ASSERT_EQ(timeline.marks().size(), 1u);
  EXPECT_EQ(timeline.marks()[0], (Mark{kSecond / 2, "inside"}));
  const std::vector<TimeSeries::Point> left = {{kSecond / 2, 5}, {kSecond * 3 / 2, 6}, {kSecond * 5 / 2, 7}};
  EXPECT_EQ(timeline.series()[0].points, left);
}

TEST(Timeline, MarksAreBounded) {
  Timeline timeline;
  for (std::size_t i = 0; i < Timeline::kMostMarks + 5; ++i) timeline.mark(i, "m");
  EXPECT_EQ(timeline.marks().size(), Timeline::kMostMarks);
  EXPECT_EQ(timeline.more_marks(), 5u);
}

Profile sampled(std::size_t samples) {
  Profile profile;
  profile.moments.begin(100 * kSecond, 1'000 * kSecond);
  const LaneId lane = profile.moments.lane(profile.intern({FrameKind::Process, "p", {}, 1}), 0);
  const FrameId old_one = profile.intern({FrameKind::Native, "old", {}}), new_one = profile.intern({FrameKind::Native, "new", {}}), leaf = profile.intern({FrameKind::Native, "leaf", {}});
  for (std::size_t i = 0; i < samples; ++i) {
    const FrameId stack[] = {i < samples / 2 ? old_one : new_one, leaf};
    const NodeId node = profile.add_at(Profile::kRoot, stack, 1);
    profile.add_moment(lane, 100 * kSecond + i * kSecond / 10, node, 1);
  }
  profile.description.duration_ns = samples * kSecond / 10;
  return profile;
}

TEST(Timeline, GoesThroughThePicture) {
  Profile profile = sampled(100);
  profile.timeline.mark(2 * kSecond, "process 7 `a<b` ended");
  for (std::uint64_t i = 1; i <= 40; ++i) profile.timeline.put("throttled", i * kSecond / 4, i == 20 ? 0 : static_cast<double>(i));
  Profile again;
  ASSERT_EQ(read_svg(render_svg(profile, {}), again), "");
  EXPECT_EQ(again.timeline.marks(), profile.timeline.marks());
  ASSERT_EQ(again.timeline.series().size(), 1u);
  EXPECT_NEAR(sum_of(again.timeline.series()[0]), sum_of(profile.timeline.series()[0]), 1e9);
}

// What the flight recorder does all day.
TEST(Ring, ForgetsWhatIsOlder) {
  Profile profile = sampled(100);
  const std::vector<NodeId> moved = profile.forget_before(106 * kSecond, 1'006 * kSecond);
  EXPECT_EQ(profile.total(), 40u);
  EXPECT_EQ(profile.nodes().size(), 3u);
  EXPECT_EQ(profile.frame(profile.nodes()[1].frame).name, "new");
  EXPECT_EQ(profile.moments.size(), 40u);
  EXPECT_EQ(profile.moments.start_ns(), 1'006 * kSecond);
  EXPECT_EQ(profile.moments.lanes()[0].moments.front().at, 0u);
  EXPECT_EQ(moved[1], Profile::kRoot);
  // It goes on: what is added is found again, at its moment.
  const FrameId stack[] = {profile.nodes()[1].frame, profile.nodes()[2].frame};
  const NodeId node = profile.add_at(Profile::kRoot, stack, 1);
  EXPECT_EQ(node, 2u);
  profile.add_moment(0, 110 * kSecond, node, 1);
  EXPECT_EQ(profile.moments.lanes()[0].moments.back().at, 40'000u);
  profile.forget_before(200 * kSecond, 1'100 * kSecond);
  EXPECT_EQ(profile.total(), 0u);
  EXPECT_EQ(profile.nodes().size(), 1u);
  EXPECT_TRUE(profile.moments.lanes().empty());
}

TEST(Ring, KeepsTheLaterPartOfAWait) {
  Profile profile;
  profile.description.unit = "nanoseconds";
  profile.moments.begin(0, kSecond);
  const FrameId wait = profile.intern({FrameKind::Kernel, "wait", {}});
  const NodeId node = profile.add_at(Profile::kRoot, {&wait, 1}, 5 * kSecond);
  profile.add_moment(profile.moments.lane(0, 0), kSecond, node, 5 * kSecond);
  profile.forget_before(4 * kSecond, 5 * kSecond);
  EXPECT_EQ(profile.total(), 2 * kSecond);
  EXPECT_EQ(profile.moments.end_ns() / profile.moments.tick_ns(), 1u);
}

TEST(Ring, DaysOfItTakeNoMoreMemoryThanItsLength) {
  Profile profile;
  profile.moments.begin(0, kSecond);
  const FrameId process = profile.intern({FrameKind::Process, "p", {}, 1});
  std::vector<FrameId> frames;
  for (int i = 0; i < 200; ++i) frames.push_back(profile.intern({FrameKind::Native, "f" + std::to_string(i), {}}));
  std::size_t most_nodes = 0;
  std::uint64_t now = 0;
  for (std::uint64_t second = 0; second < 86'400; second += 5) {   // a day, by the clock that it is told
    for (std::uint64_t i = 0; i < 50; ++i, now = second * kSecond + i * kSecond / 10) {
      const FrameId stack[] = {frames[(second + i) % 200], frames[(second / 7 + i * i) % 200], frames[i]};
      const NodeId node = profile.add_at(Profile::kRoot, stack, 1);
      profile.add_moment(profile.moments.lane(process, 0), now, node, 1);
    }
    if (now > 10 * kSecond) profile.forget_before(now - 10 * kSecond, kSecond + now - 10 * kSecond);
    most_nodes = std::max(most_nodes, profile.nodes().size());
  }
  EXPECT_LE(profile.moments.size(), 160u);
  EXPECT_LE(most_nodes, 700u);
  EXPECT_FALSE(profile.moments.coarser());
  EXPECT_EQ(profile.total(), profile.moments.size());
}

}  // namespace
}  // namespace sampan

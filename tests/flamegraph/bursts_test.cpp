#include "flamegraph/bursts.hpp"

#include <gtest/gtest.h>

#include <random>

namespace sampan {
namespace {

constexpr std::uint64_t kMs = 1'000'000;

// Four threads of twenty functions; calls last `run` samples on the average.
Profile program(unsigned seed, double run, unsigned samples = 3000) {
  std::mt19937 rng(seed);
  Profile profile;
  profile.moments.begin(0, 0);
  std::vector<FrameId> functions;
  for (int i = 0; i < 20; ++i) functions.push_back(profile.intern({FrameKind::Python, "f" + std::to_string(i), "a.py"}));
  std::geometric_distribution<unsigned> which(0.25);
  std::bernoulli_distribution ends(1 / run);
  for (std::uint32_t t = 0; t < 4; ++t) {
    const LaneId lane = profile.moments.lane(profile.intern({FrameKind::Process, "p", {}, 1}), profile.intern({FrameKind::Thread, "t", {}, t + 2}));
    FrameId now = functions[which(rng) % functions.size()];
    for (std::uint64_t i = 0; i < samples; ++i) {
      if (ends(rng)) now = functions[which(rng) % functions.size()];
      profile.add_moment(lane, i * 10 * kMs, profile.add_at(Profile::kRoot, std::span(&now, 1), 1), 1);
    }
  }
  return profile;
}

TEST(Bursts, NoneInAHundredSteadyPrograms) {
  for (unsigned seed = 1; seed <= 100; ++seed) {
    const auto found = bursts(program(seed, seed % 2 == 0 ? 1 : 6));
    EXPECT_TRUE(found.empty()) << "seed " << seed << ": " << burst_sentence(found[0]);
  }
}

TEST(Bursts, NoneWhereSomethingComesBackAgainAndAgain) {
  Profile profile = program(3, 1);
  const FrameId job = profile.intern({FrameKind::Python, "job", "a.py"});
  const LaneId lane = profile.moments.lane(0, job);
  for (std::uint64_t ms = 0; ms < 30'000; ms += 10) {
    if (ms % 3000 < 300) profile.add_moment(lane, ms * kMs, profile.add_at(Profile::kRoot, std::span(&job, 1), 1), 1);
  }
  const auto found = bursts(profile);
  EXPECT_TRUE(found.empty()) << burst_sentence(found[0]);
}

TEST(Bursts, OneIsFoundWhereItIs) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    Profile profile = program(seed, 6);
    const FrameId dumps = profile.intern({FrameKind::Python, "json.dumps", "json/__init__.py", 231});
    for (LaneId lane = 0; lane < 2; ++lane) {
      for (std::uint64_t ms = 12'400; ms < 13'100; ms += 5) profile.add_moment(lane, ms * kMs, profile.add_at(Profile::kRoot, std::span(&dumps, 1), 1), 1);
    }
    const auto found = bursts(profile);
    ASSERT_EQ(found.size(), 1u) << "seed " << seed;
    EXPECT_EQ(found[0].function, "json.dumps");
    EXPECT_NEAR(static_cast<double>(found[0].from_ns), 12.4e9, 0.15e9);
    EXPECT_NEAR(static_cast<double>(found[0].to_ns), 13.1e9, 0.15e9);
  }
}

TEST(Bursts, SaysItInWords) {
  EXPECT_EQ(burst_sentence({12'400 * kMs, 13'100 * kMs, "json.dumps", 0.71, 0.2366}), "12.4\u201313.1 s: 71 % json.dumps, 3 times its usual share");
}

}  // namespace
}  // namespace sampan

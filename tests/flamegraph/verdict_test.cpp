#include "flamegraph/verdict.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "flamegraph/diff.hpp"
#include "flamegraph/svg/svg.hpp"

namespace sampan {
namespace {

// A service as it is sampled: `threads` workers, each request runs functions for times of its own, one sample every 10 ms.
class Service {
 public:
  explicit Service(unsigned seed) : random_(seed) {}

  // `costs`: milliseconds of each function a request, on average.
  Profile sample(const std::vector<double>& costs, double seconds, unsigned threads, bool time = true) {
    Profile profile;
    if (time) profile.moments.begin(0, 1'000'000'000);
    profile.description.duration_ns = static_cast<std::uint64_t>(seconds * 1e9);
    const FrameId process = profile.intern({FrameKind::Process, "app", {}, 1}), main = profile.intern({FrameKind::Python, "handle", "app.py"});
    for (unsigned thread = 0; thread < threads; ++thread) {
      const LaneId lane = profile.moments.lane(process, profile.intern({FrameKind::Thread, "worker", {}, thread}));
      double now = 0, next = 10 * uniform_(random_);
      for (std::size_t f = 0; now < seconds * 1000; f = (f + 1) % costs.size()) {
        now += costs[f] * std::gamma_distribution<double>(4, 0.25)(random_);
        for (; next < now; next += 10) {
          const FrameId stack[] = {process, main, profile.intern({FrameKind::Python, "f" + std::to_string(f), "app.py"})};
          const NodeId node = profile.add_at(Profile::kRoot, stack, 1);
          if (time) profile.add_moment(lane, static_cast<std::uint64_t>(next * 1e6), node, 1);
        }
      }
    }
    return profile;
  }

 private:
  std::mt19937_64 random_;
  std::uniform_real_distribution<double> uniform_;
};

std::vector<double> fifty_functions(double slower = 1) {
  std::vector<double> costs(50);
  for (std::size_t i = 0; i < costs.size(); ++i) costs[i] = 20.0 / static_cast<double>(i + 1);
  costs[0] *= slower;
  return costs;
}

const FunctionChange& of(const DiffVerdict& verdict, const std::string& name) {
  const auto found = std::find_if(verdict.changes.begin(), verdict.changes.end(), [&](const FunctionChange& c) { return c.name == name; });
  return found == verdict.changes.end() ? verdict.changes.at(0) : *found;
}

TEST(Verdict, TwoRunsOfTheSameRarelyDiffer) {
  int fired = 0;
  for (unsigned i = 0; i < 200; ++i) {
    Service service(i);
    const Profile before = service.sample(fifty_functions(), 30, 4), after = service.sample(fifty_functions(), 30, 4);
    fired += judge({&before, 1}, {&after, 1}).changed != 0;
  }
  RecordProperty("fired", fired);
  EXPECT_LE(fired, 10);
}

TEST(Verdict, WithoutTimeTooTwoRunsOfTheSameRarelyDiffer) {
  int fired = 0;
  for (unsigned i = 0; i < 200; ++i) {
    Service service(i);
    const Profile before = service.sample(fifty_functions(), 30, 4, false), after = service.sample(fifty_functions(), 30, 4, false);
    const DiffVerdict verdict = judge({&before, 1}, {&after, 1});
    EXPECT_EQ(verdict.blocks_before, 1u);
    fired += verdict.changed != 0;
  }
  EXPECT_LE(fired, 10);
}

TEST(Verdict, AFunctionATenthSlowerIsFound) {
  int found = 0;
  for (unsigned i = 0; i < 100; ++i) {
    Service service(1000 + i);
    const std::vector<double> before_costs = {20, 15, 10, 5}, after_costs = {22, 15, 10, 5};
    const Profile before = service.sample(before_costs, 30, 4), after = service.sample(after_costs, 30, 4);
    found += of(judge({&before, 1}, {&after, 1}), "f0").self_changed;
  }
  RecordProperty("found", found);
  EXPECT_GE(found, 95);
}

TEST(Verdict, TheIntervalHoldsTheTruth) {
  int held = 0;
  for (unsigned i = 0; i < 200; ++i) {
    Service service(5000 + i);
    const Profile before = service.sample({20, 20}, 30, 4), after = service.sample({30, 20}, 30, 4);
    const FunctionChange change = of(judge({&before, 1}, {&after, 1}), "f0");
    held += change.low <= 0.1 && change.high >= 0.1;
    EXPECT_TRUE(change.self_changed);
  }
  EXPECT_GE(held, 180);
}

TEST(Verdict, SeveralProfilesASideAreOneSide) {
  Service service(7);
  std::vector<Profile> before, after;
  for (int i = 0; i < 10; ++i) before.push_back(service.sample({20, 20}, 5, 1, false)), after.push_back(service.sample({30, 20}, 5, 1, false));
  const DiffVerdict verdict = judge(before, after);
  EXPECT_EQ(verdict.blocks_before, 10u);
  EXPECT_NEAR(of(verdict, "f0").self_after, 0.6, 0.04);
  EXPECT_TRUE(of(verdict, "f0").self_changed);
  EXPECT_FALSE(of(verdict, "handle").total_changed);   // all of the time before and after
}

std::size_t coloured(const Profile& difference) {
  const std::string picture = render_svg(difference);
  std::size_t found = 0;
  for (std::size_t at = 0; (at = picture.find("rx=\"1.5\" class=\"d", at)) != std::string::npos; ++at) found += picture[at + 17] != '4';
  return found;
}

// The picture of what was judged colours only what is more than chance.
TEST(Verdict, WhatChangedByChanceIsGrey) {
  Service service(11);
  const Profile before = service.sample(fifty_functions(), 30, 4), same = service.sample(fifty_functions(), 30, 4), slower = service.sample(fifty_functions(2), 30, 4);
  Profile by_chance = diff(before, same), real = diff(before, slower);
  EXPECT_GT(coloured(by_chance), 5u) << "not judged: a change is a change";
  by_chance.description.changed = changed_labels(judge({&before, 1}, {&same, 1}));
  EXPECT_EQ(coloured(by_chance), 0u);
  real.description.changed = changed_labels(judge({&before, 1}, {&slower, 1}));
  EXPECT_THAT(*real.description.changed, testing::Contains("f0 (app.py)"));
  EXPECT_GE(coloured(real), 1u);
}

TEST(Verdict, AHandfulOfSamplesIsNotJudged) {
  Profile before, after;
  const FrameId one[] = {before.intern({FrameKind::Python, "a", "x.py"})}, other[] = {after.intern({FrameKind::Python, "b", "x.py"})};
  before.add(one, 4);
  after.add(other, 5);
  EXPECT_TRUE(judge({&before, 1}, {&after, 1}).changes.empty());
  EXPECT_TRUE(judge({}, {}).changes.empty());
}

}  // namespace
}  // namespace sampan

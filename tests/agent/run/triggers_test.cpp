#include "agent/run/triggers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>

namespace sampan {
namespace {

using testing::HasSubstr;
constexpr std::uint64_t kSecond = 1'000'000'000;

RecorderOptions waiting_for(Condition condition) {
  RecorderOptions options;
  options.when.push_back(std::move(condition));
  return options;
}

Vitals at(double seconds, double cpu_seconds, CgroupCounts cgroup = {}) {
  return {static_cast<std::uint64_t>(seconds * 1e9), static_cast<std::uint64_t>(cpu_seconds * 1e9), cgroup};
}

TEST(Triggers, ProcessorTimeIsMeasuredOverItsLength) {
  const RecorderOptions options = waiting_for({Condition::Cpu, 60, 0.5, {}, 0});
  Triggers triggers(options);
  EXPECT_EQ(triggers.every(), kSecond / 10);
  double cpu = 0;
  for (double t = 0; t < 100; t += 0.1) EXPECT_EQ(triggers.look(at(t, cpu += 0.02)), "") << t;
  // 0.2 s of a whole core and 0.3 s of a fifth are below it, 0.3 s and 0.2 s are above.
  EXPECT_EQ(triggers.look(at(100.1, cpu += 0.1)), "");
  EXPECT_EQ(triggers.look(at(100.2, cpu += 0.1)), "");
  EXPECT_THAT(triggers.look(at(100.3, cpu += 0.1)), HasSubstr("% of a core for 0.5 s (cpu_percent: 60)"));
}

// The next recording's counters begin at nothing: that is no time used.
TEST(Triggers, LooksBeginAnew) {
  const RecorderOptions options = waiting_for({Condition::Cpu, 50, 0.5, {}, 0});
  Triggers triggers(options);
  for (double t = 0; t < 2; t += 0.1) triggers.look(at(t, 100 + t));
  triggers.begin();
  for (double t = 2; t < 4; t += 0.1) EXPECT_EQ(triggers.look(at(t, 0)), "") << t;
}

TEST(Triggers, ALongTimeIsLookedAtSeldom) {
  const RecorderOptions options = waiting_for({Condition::Cpu, 50, 60, {}, 0});
  EXPECT_EQ(Triggers(options).every(), kSecond);
}

TEST(Triggers, ThrottlingIsOfPeriods) {
  const RecorderOptions options = waiting_for({Condition::Throttled, 25, 1, {}, 0});
  Triggers triggers(options);
  const auto counts = [](std::int64_t periods, std::int64_t throttled) {
    CgroupCounts c;
    c.periods = periods, c.throttled = throttled;
    return c;
  };
  EXPECT_EQ(triggers.look(at(0, 0, counts(1000, 900))), "");   // what was before does not count
  EXPECT_EQ(triggers.look(at(1, 0, counts(1010, 902))), "");
  EXPECT_THAT(triggers.look(at(2, 0, counts(1020, 905))), HasSubstr("throttled in 30 % of its periods"));
  EXPECT_EQ(triggers.look(at(3, 0, counts(1020, 905))), "");   // no period: nothing ran
  EXPECT_THAT(triggers.impossible({}), HasSubstr("no CPU quota"));
  EXPECT_EQ(triggers.impossible(counts(1, 0)), "");
}

TEST(Triggers, MemoryAndKills) {
  const RecorderOptions memory = waiting_for({Condition::Memory, 80, 1, {}, 0}), kills = waiting_for({Condition::OomKill, 0, 1, {}, 0});
  Triggers of_memory(memory), of_kills(kills);
  CgroupCounts c;
  c.memory = 79, c.memory_limit = 100, c.oom_kills = 3;
  EXPECT_EQ(of_memory.look(at(0, 0, c)), "");
  EXPECT_EQ(of_kills.look(at(0, 0, c)), "");
  c.memory = 81;
  EXPECT_THAT(of_memory.look(at(1, 0, c)), HasSubstr("81 % of its memory limit"));
  EXPECT_EQ(of_kills.look(at(1, 0, c)), "");
  c.oom_kills = 4;
  EXPECT_THAT(of_kills.look(at(2, 0, c)), HasSubstr("for want of memory"));
  EXPECT_EQ(of_kills.look(at(3, 0, c)), "");
}

TEST(Triggers, AFileAppears) {
  const std::filesystem::path path = std::filesystem::temp_directory_path() / ("sampan-trigger-" + std::to_string(::getpid()));
  std::ofstream(path) << "here before";
  const RecorderOptions options = waiting_for({Condition::File, 0, 1, path, 0});
  Triggers triggers(options);
  EXPECT_EQ(triggers.look(at(0, 0)), "");
  std::filesystem::remove(path);
  EXPECT_EQ(triggers.look(at(1, 0)), "");
  std::ofstream(path) << "now";
  EXPECT_THAT(triggers.look(at(2, 0)), HasSubstr("appeared"));
  EXPECT_EQ(triggers.look(at(3, 0)), "");
  std::filesystem::remove(path);
}

TEST(Triggers, ASignalComes) {
  const RecorderOptions options = waiting_for({Condition::Signal, 0, 1, {}, SIGUSR2});
  Triggers triggers(options);
  EXPECT_EQ(triggers.look(at(0, 0)), "");
  ::raise(SIGUSR2);
  EXPECT_EQ(triggers.look(at(1, 0)), "the agent got SIGUSR2");
  EXPECT_EQ(triggers.look(at(2, 0)), "");
  ::signal(SIGUSR2, SIG_DFL);
}

}  // namespace
}  // namespace sampan

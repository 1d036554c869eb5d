// A day of the repeat mode at a thousand times its speed: everything is real but the clock, which is defined here in
// place of agent/contract/clock.cpp and whose wall time is set back and forth. SAMPAN_LONG=1: all 24 hours; else one.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <thread>

#include "agent/contract/clock.hpp"
#include "agent/result/progress.hpp"
#include "agent/run/budget.hpp"
#include "agent/run/series.hpp"
#include "agent/session.hpp"

namespace sampan {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000, kSpeed = 1000;
std::int64_t wall_step = 0;

std::uint64_t real_ns() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * kSecond + static_cast<std::uint64_t>(time.tv_nsec);
}
const std::uint64_t kStart = real_ns();

}  // namespace

std::uint64_t monotonic_ns() { return kStart + (real_ns() - kStart) * kSpeed; }
std::uint64_t wall_ns() { return 1'800'000'000 * kSecond + static_cast<std::uint64_t>(static_cast<std::int64_t>(monotonic_ns()) + wall_step); }
std::string iso_time(std::uint64_t wall) { return std::to_string(wall); }
void sleep_until(std::uint64_t at) {
  const std::uint64_t real = kStart + (at > kStart ? (at - kStart) / kSpeed : 0);
  const timespec time{static_cast<std::time_t>(real / kSecond), static_cast<long>(real % kSecond)};
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr);
}
void wake_sleepers() {}

namespace {

namespace fs = std::filesystem;

std::size_t descriptors() { return static_cast<std::size_t>(std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator())); }

// A child that spins, in Python or in the shell.
class Spinner {
 public:
  explicit Spinner(bool python) : pid_(fork()) {
    if (pid_ != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);   // else a test that dies would be waited for: this holds its output open
    // Small programs: the tables of this one are built anew for each profile.
    if (python) ::execl("/usr/bin/python3", "python3", "-c", "def work():\n    while True: sum(range(200))\nwork()", nullptr);
    else ::execl("/bin/sh", "sh", "-c", "while :; do :; done", nullptr);
    _exit(1);
  }
  ~Spinner() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Spinner(const Spinner&) = delete;
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

struct Day {
  unsigned delivered = 0, lost = 0;
  std::uint64_t samples = 0;
  std::size_t early_files = 0, late_files = 0;
  std::uint64_t early_bytes = 0, late_bytes = 0;
};

Day run_day(Params params, const std::string& folder) {
  share_one_heap();
  Day day;
  params.delivery.output_dir = folder;
  params.sampling.seconds = 10;
  params.series.every = 60;
  params.series.count = std::getenv("SAMPAN_LONG") ? 1440 : 60;
  params.sampling.rate = 5;
  params.picture.formats = {find_format("svg"), find_format("folded")};
  std::FILE* nowhere = std::fopen("/dev/null", "w");
  {
    Progress progress(nowhere);
    // What is read once of each file that a stack passes through is read before the day: few of its samples do pass there.
    Params dense = params;
    dense.sampling.rate = 200;
    dense.sampling.seconds = 60;
    EXPECT_GT(profile_once(dense, nullptr, progress).samples, 0u);
    unsigned round = 0;
    run_series(params.series, progress, [&] {
      wall_step = static_cast<std::int64_t>(kSecond) * 3600 * (static_cast<int>(round % 5) - 2);   // up to two hours off
      // What it holds between two profiles.
      const std::size_t files = descriptors();
      const std::uint64_t bytes = resident_bytes();
      const std::size_t before = static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
      RunResult outcome = profile_once(params, nullptr, progress);
      const std::size_t after = static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
      day.delivered += outcome.code == Exit::Delivered;
      day.lost += after != before + 2;
      day.samples += outcome.samples;
      const bool late = ++round > params.series.count * 3 / 4, early = round > params.series.count / 8 && round <= params.series.count / 2;
      if (early) day.early_files = std::max(day.early_files, files), day.early_bytes = std::max(day.early_bytes, bytes);
      if (late) day.late_files = std::max(day.late_files, files), day.late_bytes = std::max(day.late_bytes, bytes);
      return outcome;
    });
  }
  std::fclose(nowhere);
  EXPECT_EQ(day.delivered, params.series.count);
  EXPECT_EQ(day.lost, 0u);
  EXPECT_GT(day.samples, params.series.count);
  EXPECT_LE(day.late_files, day.early_files);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)   // whose quarantine grows as it likes
  EXPECT_LE(day.late_bytes, day.early_bytes + (std::uint64_t{1} << 20));
#endif
  std::printf("%u profiles, %llu samples; descriptors %zu -> %zu; %llu -> %llu KiB\n", day.delivered, static_cast<unsigned long long>(day.samples), day.early_files,
              day.late_files, static_cast<unsigned long long>(day.early_bytes >> 10), static_cast<unsigned long long>(day.late_bytes >> 10));
  return day;
}

void day_in(Tier tier, bool python) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs SYS_PTRACE";
  if (python && ::access("/usr/bin/python3", X_OK) != 0) GTEST_SKIP() << "no python3";
  std::string folder = (fs::temp_directory_path() / "sampan-day-XXXXXX").string();
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  const Spinner spinner(python);
  const timespec settle{2, 200'000'000};   // until it is no longer taken for a program that has just begun
  nanosleep(&settle, nullptr);
  const auto params = parse_params(fmt::format(R"({{"pid": {}, "tier": "{}"}})", spinner.pid(), tier_name(tier)));
  ASSERT_TRUE(params) << params.error().message;
  run_day(*params, folder);
  fs::remove_all(folder);
}

// A day of the flight recorder: it fires at the end, and holds no more than at the beginning.
void day_of_recording(Tier tier, bool python) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs SYS_PTRACE";
  if (python && ::access("/usr/bin/python3", X_OK) != 0) GTEST_SKIP() << "no python3";
  std::string folder = (fs::temp_directory_path() / "sampan-day-XXXXXX").string();
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  const Spinner spinner(python);
  const timespec settle{2, 200'000'000};
  nanosleep(&settle, nullptr);
  const auto params = parse_params(fmt::format(R"({{"pid": {}, "tier": "{}", "rate": 5, "before": 600, "after": 60, "when": {{"file": "{}/now"}}, "output_dir": "{}"}})",
                                               spinner.pid(), tier_name(tier), folder, folder));
  ASSERT_TRUE(params) << params.error().message;
  const std::uint64_t begun = real_ns();
  const double hours = std::getenv("SAMPAN_LONG") ? 24 : 2;
  std::uint64_t early = 0, late = 0;
  std::thread watch([&] {
    const auto until = [&](double share) {
      while (static_cast<double>(real_ns() - begun) * kSpeed < share * hours * 3600e9) ::usleep(2000);
      return resident_bytes();
    };
    early = until(0.25);
    late = until(1);
    std::fclose(std::fopen((folder + "/now").c_str(), "w"));
  });
  std::FILE* nowhere = std::fopen("/dev/null", "w");
  RunResult outcome;
  {
    Progress progress(nowhere);
    Recorder recorder(params->sampling.recorder);
    outcome = profile_once(*params, nullptr, progress, &recorder);
  }
  std::fclose(nowhere);
  watch.join();
  EXPECT_EQ(outcome.code, Exit::Delivered) << outcome.sentence;
  EXPECT_TRUE(outcome.sampled.fired.any());
  EXPECT_GT(outcome.samples, 0u);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LE(late, early + (std::uint64_t{2} << 20));
#endif
  std::printf("%.0f hours of recording: %llu -> %llu KiB, %llu samples kept\n", hours, static_cast<unsigned long long>(early >> 10),
              static_cast<unsigned long long>(late >> 10), static_cast<unsigned long long>(outcome.samples));
  fs::remove_all(folder);
}

TEST(Day, OfTheFlightRecorder) { day_of_recording(Tier::Memory, true); }
TEST(Day, OfTheFlightRecorderByPtrace) { day_of_recording(Tier::Ptrace, false); }
TEST(Day, InTheMemoryTier) { day_in(Tier::Memory, true); }
TEST(Day, InThePtraceTier) { day_in(Tier::Ptrace, false); }

}  // namespace
}  // namespace sampan

#include "agent/result/health.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace sampan {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

RunResult result() {
  RunResult r;
  r.samples = 50;
  r.sampled.quality.taken = 50;
  r.sampled.quality.lost = 3;
  ProcessReport python;
  python.name = "secret \"name\"\n";
  python.runtime = "python", python.tier = "memory";
  ProcessReport denied;
  denied.failure = {Exit::NotPermitted, "no"};
  r.sampled.processes = {python, python, denied};
  r.deliveries.resize(2);
  r.deliveries[0].delivered = true;
  return r;
}

TEST(Health, CountersGoOnFromProfileToProfile) {
  Health health;
  health.count(result(), 1000);
  RunResult failed = result();
  failed.code = Exit::DeliveryFailed;
  health.count(failed, 1060);
  const std::string text = health.text();
  for (const char* line : {"sampan_profiles_total 2\n", "sampan_profiles_failed_total 1\n", "sampan_samples_total 100\n", "sampan_thread_samples_lost_total 6\n",
                           "sampan_last_profile_timestamp_seconds 1060\n", "sampan_last_profile_exit_code 7\n", "sampan_processes{runtime=\"python\",tier=\"memory\"} 2\n",
                           "sampan_processes_not_sampled{runtime=\"unknown\",reason=\"not_permitted\"} 1\n", "sampan_deliveries_total{result=\"delivered\"} 2\n",
                           "sampan_deliveries_total{result=\"failed\"} 2\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_THAT(text, Not(HasSubstr("spool")));
  EXPECT_THAT(text, Not(HasSubstr("secret")));
}

TEST(Health, EachLineIsPrometheusText) {
  Health health;
  RunResult r = result();
  r.spool = {.used = true, .waiting = 4, .bytes = 1000, .delivered = 7, .refused = 0, .failed = 2, .dropped = 1};
  health.count(r, 1000);
  std::istringstream text(health.text());
  for (std::string one; std::getline(text, one);) {
    EXPECT_THAT(one, MatchesRegex("# (HELP|TYPE) sampan_[a-z_]+ .+|sampan_[a-z_]+(\\{[a-z_]+=\"[^\"]*\"(,[a-z_]+=\"[^\"]*\")*\\})? [0-9.e+-]+"));
  }
  EXPECT_THAT(health.text(), HasSubstr("sampan_spool_files 4\n"));
  EXPECT_THAT(health.text(), HasSubstr("sampan_spool_dropped_total 1\n"));
}

}  // namespace
}  // namespace sampan

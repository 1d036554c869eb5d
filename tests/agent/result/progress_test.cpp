#include "agent/result/progress.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace sampan {
namespace {

using Json = nlohmann::json;

RunResult big_outcome(std::size_t processes, std::size_t files) {
  RunResult outcome;
  outcome.sentence = "profile delivered";
  for (std::size_t i = 0; i < processes; ++i) {
    ProcessReport report;
    report.id = {static_cast<pid_t>(i + 1), 1};
    report.name = "worker " + std::string(80, 'x');
    outcome.sampled.processes.push_back(report);
  }
  for (std::size_t i = 0; i < files; ++i) outcome.files.push_back({"f", "svg", "image/svg+xml", "x", std::string(64, 'a'), std::string(200, 'p')});
  return outcome;
}

TEST(Termination, IsJsonOfAtMostFourKilobytes) {
  for (const auto& [processes, files] : {std::pair{1, 1}, {300, 4}, {5, 400}, {300, 400}}) {
    const std::string text = termination_message(big_outcome(static_cast<std::size_t>(processes), static_cast<std::size_t>(files)));
    EXPECT_LE(text.size(), 4096u);
    const Json json = Json::parse(text);
    EXPECT_EQ(json["code"], 0);
    EXPECT_EQ(json["sentence"], "profile delivered");
    EXPECT_EQ(json["processes"].empty(), processes == 300 || files == 400);
  }
}

TEST(Termination, ALongSentenceIsCut) {
  RunResult outcome = big_outcome(1, 1);
  outcome.sentence = std::string(10'000, 's');
  EXPECT_LE(termination_message(outcome).size(), 4096u);
}

class Events : public testing::Test {
 protected:
  ~Events() override { std::fclose(out_); }
  std::vector<Json> lines() {
    std::vector<Json> lines;
    std::rewind(out_);
    char* line = nullptr;
    std::size_t size = 0;
    while (getline(&line, &size, out_) > 0) lines.push_back(Json::parse(line));
    std::free(line);
    return lines;
  }
  std::FILE* out_ = std::tmpfile();
};

TEST_F(Events, AreNumberedLinesWithoutSecrets) {
  {
    Progress progress(out_);
    progress.hide("hunter2");
    progress.stage("discover", "looking for hunter2\nand \xff");
    log_warning("nested {}", "hunter2");
    log_debug("not told");
    progress.event("check", {{"name", "a"}, {"list", {"hunter2", 1}}});
  }
  const auto events = lines();
  ASSERT_EQ(events.size(), 3u);
  for (std::size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(events[i]["seq"], i);
    EXPECT_EQ(events[i]["schema"], 1);
    EXPECT_EQ(events[i].dump().find("hunter2"), std::string::npos);
  }
  EXPECT_EQ(events[1]["level"], "warning");
  EXPECT_EQ(events[2]["list"][0], "***");
}

TEST_F(Events, BeatsAreFiveSecondsApart) {
  {
    Progress progress(out_);
    for (int tick = 0; tick <= 120; ++tick) progress.beat(tick / 10.0, 12, {}, 10, 1);
    progress.beat(0, 12, {}, 10, 1);   // the next profile of a series begins anew
  }
  std::vector<double> elapsed;
  for (const Json& event : lines()) elapsed.push_back(event["elapsed"]);
  EXPECT_THAT(elapsed, testing::ElementsAre(0, 5, 10, 0));
}

}  // namespace
}  // namespace sampan

#include "agent/result/progress.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>
#include <utility>

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
    const std::string text = termination_message(big_outcome(static_cast<std::size_t>(processes), static_cast<std::size_t>(files)), {});
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
  EXPECT_LE(termination_message(outcome, {}).size(), 4096u);
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

// As it is, and as JSON would write it within a text.
void expect_without(const Json& json, const std::string& secret) {
  if (json.is_string()) {
    const std::string quoted = Json(secret).dump();
    EXPECT_EQ(json.get<std::string>().find(secret), std::string::npos) << json << " of " << quoted;
    EXPECT_EQ(json.get<std::string>().find(quoted.substr(1, quoted.size() - 2)), std::string::npos) << json << " of " << quoted;
  }
  if (json.is_structured()) {
    for (const Json& item : json) expect_without(item, secret);
  }
}

RunResult outcome_with(const std::string& secret) {
  RunResult outcome = big_outcome(3, 2);
  outcome.sentence = "refused: " + secret + ", sent as " + Json(secret).dump();
  outcome.sampled.tier_sentence = secret;
  outcome.sampled.processes[0].name = "app --x " + secret;
  outcome.sampled.processes[1].failure = {Exit::CannotSample, "of " + secret + secret};
  outcome.files[0].path = "/tmp/" + secret;
  outcome.deliveries.resize(1);
  outcome.deliveries[0].failure = "the server answered 403: {\"token\": " + Json(secret).dump() + "}";
  return outcome;
}

// Whatever a secret is made of, every output is JSON and shows it nowhere.
TEST_F(Events, NoSecretIsShownAndAllOfItParses) {
  std::vector<std::string> secrets = {"true", "null", "1.50", "\"\\\"\\", "a\"b\\c\td", "{\"a\": 1}", "\\u0041\\", "päß wörd", "line\nbreak", "partial", "<&>'\"x"};
  std::mt19937 random(7);
  const std::string alphabet = "ab1 \"\\/\n\t{}[]:,&<%+=";
  for (int i = 0; i < 200; ++i) {
    std::string& secret = secrets.emplace_back();
    while (secret.size() < 4 + i % 20u) secret += alphabet[random() % alphabet.size()];
  }
  for (const std::string& secret : secrets) {
    std::fclose(std::exchange(out_, std::tmpfile()));
    {
      Progress progress(out_);
      progress.hide(secret);
      progress.stage("deliver", "to " + secret);
      log_warning("{} and {}", secret, Json(secret).dump());
      progress.result(outcome_with(secret));
      const std::string message = termination_message(outcome_with(secret), progress.secrets());
      ASSERT_TRUE(Json::accept(message)) << message;
      expect_without(Json::parse(message)["sentence"], secret);
      for (const char* list : {"processes", "files", "deliveries", "tier_sentence"}) expect_without(Json::parse(message)[list], secret);
      EXPECT_TRUE(Json::parse(message)["partial"].is_boolean());
    }
    for (const Json& event : lines()) {
      for (const char* key : {"sentence", "processes", "files", "deliveries", "tier_sentence"}) {
        if (event.contains(key)) expect_without(event[key], secret);
      }
    }
  }
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

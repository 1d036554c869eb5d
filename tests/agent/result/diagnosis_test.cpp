#include "agent/result/diagnosis.hpp"

#include <gmock/gmock.h>

namespace sampan {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class DiagnosisTest : public testing::Test {
 protected:
  DiagnosisTest() {
    sampled_.seconds = 10;
    sampled_.rate = 100;
  }
  Diagnosis diagnosis() { return diagnose(profile_, options_, sampled_); }
  void add(FrameKind kind, const char* name, std::uint64_t weight) {
    const FrameId frames[] = {profile_.intern({kind, name, {}})};
    profile_.add_at(Profile::kRoot, frames, weight);
    sampled_.quality.taken += weight;
  }
  Profile profile_;
  Options options_;
  Sampled sampled_;
};

TEST_F(DiagnosisTest, AnIdleTargetIsAResult) {
  sampled_.quality.wanted = sampled_.quality.idle = 1000;
  EXPECT_EQ(diagnosis().code, Exit::Delivered);
  EXPECT_THAT(diagnosis().sentence, HasSubstr("0.0 s of processor time in 10.0 s: event \"wall\""));
}

TEST_F(DiagnosisTest, WorkInChildrenIsNamed) {
  sampled_.cpu = {0.1, 8.5};
  EXPECT_EQ(diagnosis().code, Exit::Delivered);
  EXPECT_THAT(diagnosis().sentence, HasSubstr("used 8.5 s and is not sampled"));
  add(FrameKind::Python, "main", 10);
  EXPECT_THAT(diagnosis().sentence, HasSubstr("used 8.5 s and is not sampled"));
}

TEST_F(DiagnosisTest, WhatRanAndWasNotSeenIsAnError) {
  sampled_.cpu.targets = 9;
  sampled_.quality.wanted = sampled_.quality.idle = 1000;
  EXPECT_EQ(diagnosis().code, Exit::CannotSample);
  EXPECT_THAT(diagnosis().sentence, HasSubstr("9.0 s of processor time that no sample covers"));
  sampled_.quality.failed = 177;
  EXPECT_EQ(diagnosis().code, Exit::CannotSample);
  EXPECT_THAT(diagnosis().sentence, HasSubstr("all 177 reads"));
}

TEST_F(DiagnosisTest, WhatOthersHoldIsNoError) {
  sampled_.cpu.targets = 9;
  sampled_.quality.traced = 5;
  EXPECT_EQ(diagnosis().code, Exit::Delivered);
  EXPECT_THAT(diagnosis().sentence, HasSubstr("debugger"));
}

TEST_F(DiagnosisTest, PoorStacksAreSaidToBe) {
  add(FrameKind::Native, "[anonymous code]", 100);
  EXPECT_THAT(diagnosis().sentence, HasSubstr("--perf-basic-prof"));
  sampled_.quality.truncated = 100;
  EXPECT_THAT(diagnosis().sentence, HasSubstr("no stack is whole"));
  sampled_.quality.frameless = 60;
  EXPECT_THAT(diagnosis().sentence, HasSubstr("60 % of the samples"));
  EXPECT_EQ(diagnosis().code, Exit::Delivered);
}

TEST_F(DiagnosisTest, AGoodProfileHasNone) {
  add(FrameKind::Python, "main", 900);
  sampled_.cpu = {9, 1};
  sampled_.quality.failed = 3;
  sampled_.quality.truncated = 5;
  EXPECT_THAT(diagnosis().sentence, IsEmpty());
}

}  // namespace
}  // namespace sampan

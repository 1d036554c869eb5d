// Retries' decisions, files, requests.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "agent/contract/params.hpp"
#include "agent/delivery/delivery.hpp"
#include "agent/delivery/files.hpp"
#include "agent/delivery/retry.hpp"
#include "agent/result/draw.hpp"
#include "agent/result/sha256.hpp"

namespace sampan {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Pair;

TEST(Verdict, FollowsTheStatus) {
  for (const long status : {200, 201, 204, 299}) EXPECT_EQ(verdict_of(status, false), Verdict::Delivered) << status;
  for (const long status : {408, 425, 429, 500, 502, 503, 504, 507}) EXPECT_EQ(verdict_of(status, false), Verdict::Retry) << status;
  for (const long status : {400, 401, 403, 404, 405, 409, 411, 412, 413, 422, 501, 505}) EXPECT_EQ(verdict_of(status, false), Verdict::Refused) << status;
  for (const long status : {301, 302, 303, 307, 308}) EXPECT_EQ(verdict_of(status, false), Verdict::Redirect) << status;
}

TEST(Verdict, AnObjectThatIsThereAlreadyIsDelivered) {
  EXPECT_EQ(verdict_of(412, true), Verdict::Delivered);
  EXPECT_EQ(verdict_of(409, true), Verdict::Retry);
}

TEST(RetryAfter, SecondsAndDates) {
  constexpr std::int64_t kNow = 1'447'891'200;   // Thu, 19 Nov 2015 00:00:00 GMT
  EXPECT_EQ(parse_retry_after(" 7\r\n", kNow), 7);
  EXPECT_EQ(parse_retry_after("0", kNow), 0);
  EXPECT_EQ(parse_retry_after("Thu, 19 Nov 2015 00:01:30 GMT", kNow), 90);
  EXPECT_EQ(parse_retry_after("Thursday, 19-Nov-15 00:01:30 GMT", kNow), 90);
  EXPECT_EQ(parse_retry_after("Thu, 19 Nov 2015 00:01:30 GMT", kNow + 1000), 0);
  for (const char* nonsense : {"", " ", "-1", "1.5", "7s", "99999999999999999999", "soon", "\xff"}) {
    EXPECT_FALSE(parse_retry_after(nonsense, kNow)) << nonsense;
  }
}

TEST(BackOff, GrowsHasJitterAndABound) {
  EXPECT_DOUBLE_EQ(back_off(1, 0), 0.25);
  EXPECT_LT(back_off(1, 0.999), 0.5);
  EXPECT_DOUBLE_EQ(back_off(3, 0), 1);
  for (unsigned attempt = 1; attempt < 100; ++attempt) EXPECT_LE(back_off(attempt, 0.999), 20);
}

class Folder : public testing::Test {
 protected:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "delivery-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~Folder() override { std::filesystem::remove_all(path_); }
  std::string content(const std::string& file) {
    std::ostringstream text;
    text << std::ifstream(file, std::ios::binary).rdbuf();
    return text.str();
  }
  std::size_t entries() {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(path_)) ++count;
    return count;
  }
  std::string path_;
};

TEST_F(Folder, FilesAreWrittenWhole) {
  const std::string bytes = std::string(3 << 20, 'x') + '\0' + "end";
  const auto path = write_whole(path_, "a.svg", bytes);
  ASSERT_TRUE(path);
  EXPECT_EQ(content(*path), bytes);
  ASSERT_TRUE(write_whole(path_, "a.svg", "second"));
  EXPECT_EQ(content(*path), "second");
  EXPECT_EQ(entries(), 1u);
}

// What a reader holds or finds under the name is one whole file or the other, at every moment.
TEST_F(Folder, AFileIsReplacedInOneMoment) {
  const std::string old(1 << 16, 'a'), fresh(1 << 16, 'b'), path = path_ + "/a.svg";
  ASSERT_TRUE(write_whole(path_, "a.svg", old));
  std::atomic<bool> over = false;
  std::size_t looks = 0, missing = 0, torn = 0;
  std::thread reader([&] {
    while (!over) {
      std::ifstream file(path, std::ios::binary);
      std::ostringstream text;
      text << file.rdbuf();
      ++looks;
      missing += !file.is_open();
      torn += file.is_open() && text.str() != old && text.str() != fresh;
    }
  });
  for (int i = 0; i < 300; ++i) ASSERT_TRUE(write_whole(path_, "a.svg", i % 2 ? old : fresh));
  over = true;
  reader.join();
  EXPECT_GT(looks, 100u);
  EXPECT_EQ(missing, 0u);
  EXPECT_EQ(torn, 0u);
  EXPECT_EQ(entries(), 1u);
}

TEST_F(Folder, WhatAKilledAgentLeftIsReplaced) {
  std::ofstream(path_ + "/.a.svg.part") << "half";
  std::ofstream(path_ + "/.sampan-probe") << "";
  ASSERT_TRUE(probe_directory(path_));
  const auto path = write_whole(path_, "a.svg", "whole");
  ASSERT_TRUE(path) << path.error().message;
  EXPECT_EQ(content(*path), "whole");
  EXPECT_EQ(entries(), 1u);
}

TEST_F(Folder, AMissingFolderIsMadeOrTheSentenceSaysWhy) {
  EXPECT_TRUE(probe_directory(path_ + "/a/b"));
  std::ofstream(path_ + "/file") << "";
  const auto probed = probe_directory(path_ + "/file/x");
  ASSERT_FALSE(probed);
  EXPECT_THAT(probed.error().message, HasSubstr("output_dir"));
  const auto written = write_whole(path_ + "/none", "a", "x");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Exit::DeliveryFailed);
}

class RequestTest : public Folder {
 protected:
  RequestTest() : progress_(out_) {
    file_.name = "profile-shop-7-1000.svg";
    file_.format = "svg";
    file_.content_type = "image/svg+xml";
    file_.bytes = "<svg/>";
    file_.sha256 = sha256_hex(file_.bytes);
    batch_ = {"shop", "7", "pod-1", "node-1", 1'000'000'000'000, 60'000'000'000, "run-1", "0", 100};
  }
  ~RequestTest() override { std::fclose(out_); }
  Result<Request> request(const std::string& upload) {
    const auto params = parse_params(R"({"pid": 1, "upload": )" + upload + "}");
    if (!params) return tl::unexpected(params.error());
    upload_ = params->delivery.uploads.at(0);
    return request_of(upload_, file_, batch_, progress_);
  }
  std::FILE* out_ = std::tmpfile();
  Progress progress_;
  Artifact file_;
  Batch batch_;
  Upload upload_;
};

TEST_F(RequestTest, TemplatesNameTheObject) {
  EXPECT_EQ(request(R"({"url": "http://h/{app_name}/{version_id}/{pod}/{node}/{time}.{format}?h={sha256}"})")->url,
            "http://h/shop/7/pod-1/node-1/1000.svg?h=" + file_.sha256);
  EXPECT_EQ(request(R"({"url": "http://h/folder/"})")->url, "http://h/folder/profile-shop-7-1000.svg");
  EXPECT_THAT(request(R"({"url": "http://h/{nme}"})").error().message, HasSubstr("{name}"));
}

TEST_F(RequestTest, APresignedUrlIsSentAsItIs) {
  const auto put = request(R"({"url": "http://h/b/k?X-Amz-Signature=abc", "headers": {"Content-Type": "image/svg+xml"}})");
  EXPECT_EQ(put->headers.size(), 1u);
  EXPECT_TRUE(put->plain_headers.empty());
}

TEST_F(RequestTest, SecretsComeFromVariablesAndFilesAndAreHidden) {
  setenv("TEST_TOKEN", "Bearer hunter2hunter2", 1);
  std::ofstream(path_ + "/key") << "filesecret\n";
  const auto made = request(R"({"url": "http://h/", "headers_from_env": {"Authorization": "TEST_TOKEN"}, "headers_from_file": {"X-Key": ")" + path_ + R"(/key"}})");
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_THAT(made->headers, Contains(Pair("Authorization", "Bearer hunter2hunter2")));
  EXPECT_THAT(made->headers, Contains(Pair("X-Key", "filesecret")));
  EXPECT_EQ(progress_.secrets().scrub("hunter2hunter2 filesecret"), "*** ***");
  EXPECT_THAT(request(R"({"url": "http://h/", "headers_from_env": {"A": "NO_SUCH_VARIABLE"}})").error().message, HasSubstr("NO_SUCH_VARIABLE"));
  EXPECT_THAT(request(R"({"url": "http://h/", "headers_from_file": {"A": "/no/such/file"}})").error().message, HasSubstr("/no/such/file"));
}

TEST_F(RequestTest, TheIdempotencyKeyIsTheRunsAndTheFormats) {
  const auto key = [&] {
    const auto post = request(R"({"url": "http://h/", "method": "POST"})");
    for (const auto& [name, value] : post->plain_headers) {
      if (name == "Idempotency-Key") return value;
    }
    return std::string();
  };
  const std::string first = key();
  EXPECT_EQ(first.size(), 32u);
  batch_.started_ns += 5'000'000'000;
  EXPECT_EQ(key(), first);    // another try of the same Job
  batch_.run = "run-2";
  EXPECT_NE(key(), first);
}

// A variable for as long as a test runs.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) { setenv(name, value, 1); }
  ~Variable() { unsetenv(name_); }

 private:
  const char* name_;
};

constexpr std::uint64_t kMinute = 60'000'000'000;

TEST_F(RequestTest, ProfilesOfASeriesAndPodsOfAnIndexedJobShareNoKey) {
  const Variable run("SAMPAN_RUN", "job-uid");
  TargetKeys target;
  target.app_name = "shop", target.version_id = "7";
  const auto at = [&](bool series, std::uint64_t started) { return batch_of(target, 100, series, started, kMinute); };
  EXPECT_EQ(idempotency_key(at(false, kMinute), file_), idempotency_key(at(false, 2 * kMinute), file_));   // a second try of the Job
  EXPECT_NE(idempotency_key(at(true, kMinute), file_), idempotency_key(at(true, 2 * kMinute), file_));
  EXPECT_NE(at(true, kMinute).run, at(true, 2 * kMinute).run);
  const Batch alone = at(false, kMinute);
  const Variable index("JOB_COMPLETION_INDEX", "3");
  EXPECT_NE(idempotency_key(at(false, kMinute), file_), idempotency_key(alone, file_));
  EXPECT_EQ(at(false, kMinute).run, "job-uid-3");
  EXPECT_EQ(words_of(at(false, kMinute), file_).at("index"), "3");
}

TEST_F(RequestTest, WithEveryAUrlMustVary) {
  const auto checked = [&](const std::string& upload, bool series) {
    const auto params = parse_params(R"({"pid": 1, "formats": ["svg"], "upload": )" + upload + "}");
    EXPECT_TRUE(params) << params.error().message;
    const Batch batch = batch_of(params->target, 100, series, kMinute, 0);
    const auto good = check_uploads(params->delivery.uploads, params->picture.formats, batch, progress_);
    return good ? std::string() : good.error().message;
  };
  const Variable run("SAMPAN_RUN", "job-uid");
  for (const char* varies : {R"({"url": "http://h/{time}"})", R"({"url": "http://h/{run}"})", R"({"url": "http://h/{name}"})", R"({"url": "http://h/"})",
                             R"({"url": "http://h/{sha256}"})", R"({"url": "http://h/x", "method": "POST"})"}) {
    EXPECT_EQ(checked(varies, true), "") << varies;
  }
  for (const char* same : {R"({"url": "http://h/x"})", R"({"url": "http://h/{app_name}.{format}"})", R"({"url": "http://h/{pod}/{node}/{index}?X-Amz-Signature=0123456789abcdef"})"}) {
    EXPECT_THAT(checked(same, true), HasSubstr("use {time}, {run} or {name} in upload.url")) << same;
    EXPECT_EQ(checked(same, false), "") << same;
  }
}

TEST_F(RequestTest, PyroscopeGetsOneFileOfAProfile) {
  std::vector<Artifact> files(3);
  files[0].format = "svg", files[1].format = "folded", files[2].format = "pprof";
  const auto formats = [&](const std::string& keys) {
    const auto params = parse_params(R"({"pid": 1, "upload": {"url": "http://p:4040")" + keys + "}}");
    std::vector<std::string> names;
    for (const Artifact* file : files_for(params->delivery.uploads.at(0), files)) names.push_back(file->format);
    return names;
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(formats(R"(, "pyroscope": {})"), Names{"pprof"});
  EXPECT_EQ(formats(R"(, "pyroscope": {}, "formats": ["svg", "folded"])"), Names{"folded"});
  EXPECT_EQ(formats(R"(, "pyroscope": {}, "formats": ["svg"])"), Names{});
  EXPECT_EQ(formats(""), (Names{"svg", "folded", "pprof"}));
}

TEST_F(RequestTest, S3UrlsArePathStyleAtAnEndpointAndVirtualHostedAtAmazons) {
  std::ofstream(path_ + "/credentials") << "[other]\naws_access_key_id = no\n[default]\naws_access_key_id = AK\naws_secret_access_key = SECRETKEY\n";
  const std::string file = R"("credentials_file": ")" + path_ + R"(/credentials")";
  const auto own = request(R"({"url": "s3://bucket/a/{name}", "s3": {"region": "eu-west-1", "endpoint": "http://m:9000/", )" + file + "}}");
  ASSERT_TRUE(own) << own.error().message;
  EXPECT_EQ(own->url, "http://m:9000/bucket/a/profile-shop-7-1000.svg");
  EXPECT_EQ(own->user_password, "AK:SECRETKEY");
  EXPECT_EQ(own->sigv4, "aws:amz:eu-west-1:s3");
  EXPECT_THAT(own->headers, Contains(Pair("x-amz-content-sha256", file_.sha256)));
  EXPECT_EQ(request(R"({"url": "s3://bucket/k", "s3": {"region": "eu-west-1", )" + file + "}}")->url, "https://bucket.s3.eu-west-1.amazonaws.com/k");
  EXPECT_THAT(request(R"({"url": "s3://b/k", "s3": {"region": "r", "credentials_profile": "none", )" + file + "}}").error().message, HasSubstr("[none]"));
}

TEST_F(RequestTest, PyroscopesIngestHasItsQuery) {
  file_.format = "folded";
  const auto post = request(R"({"url": "http://p:4040", "pyroscope": {"labels": {"env": "prod"}, "tenant": "t1"}})");
  EXPECT_THAT(post->url, HasSubstr("http://p:4040/ingest?name=shop%7benv%3dprod%7d&from=1000&until=1060&format=folded&sampleRate=100"));
  EXPECT_THAT(post->headers, Contains(Pair("X-Scope-OrgID", "t1")));
  file_.format = "pprof";
  EXPECT_EQ(request(R"({"url": "http://p:4040/ingest", "pyroscope": {}})")->form.at(0).name, "profile");
}

TEST_F(RequestTest, AFormHasFieldsMetadataAndTheFile) {
  const auto post = request(R"({"url": "http://h/", "form": {"task": "{app_name}", "attachment": "@file"}})");
  ASSERT_EQ(post->form.size(), 3u);
  EXPECT_EQ(post->form[0].file_name, file_.name);
  EXPECT_EQ(post->form[0].bytes().data(), file_.bytes.data());   // not a copy
  EXPECT_EQ(post->form[1].value, "shop");
  EXPECT_THAT(post->form[2].value, HasSubstr(file_.sha256));
}

DeliveryReport report(bool delivered, bool refused) {
  DeliveryReport one;
  one.delivered = delivered;
  one.refused = refused;
  one.failure = delivered ? "" : "why";
  return one;
}

TEST(Judge, TheExitCodeIsTheWorstThatTryingAgainMayMend) {
  const auto code = [](std::vector<DeliveryReport> reports, const char* unwritten = "", bool files_only = false) {
    RunResult outcome;
    outcome.deliveries = std::move(reports);
    judge_delivery(outcome, unwritten, files_only);
    return outcome.code;
  };
  EXPECT_EQ(code({}), Exit::Delivered);
  EXPECT_EQ(code({report(true, false)}), Exit::Delivered);
  EXPECT_EQ(code({report(true, false)}, "disk full"), Exit::Delivered);
  EXPECT_EQ(code({}, "disk full", true), Exit::DeliveryFailed);
  EXPECT_EQ(code({report(true, false), report(false, true)}), Exit::DeliveryRefused);
  EXPECT_EQ(code({report(false, false), report(false, true)}), Exit::DeliveryFailed);
}

}  // namespace
}  // namespace sampan

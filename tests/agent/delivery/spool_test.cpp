// The spool's bounds and order; when a destination is tried again, and how a thousand agents come back to one.
#include "agent/delivery/spool.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <random>

#include "agent/contract/params.hpp"
#include "agent/delivery/pace.hpp"
#include "agent/result/sha256.hpp"

namespace sampan {
namespace {

class SpoolTest : public testing::Test {
 protected:
  SpoolTest() {
    std::string name = (std::filesystem::temp_directory_path() / "spool-XXXXXX").string();
    dir_ = mkdtemp(name.data());
    upload_ = parse_params(R"({"pid": 1, "upload": {"url": "http://h/?token=secret"}})")->delivery.uploads.at(0);
  }
  ~SpoolTest() override { std::filesystem::remove_all(dir_); }

  static Artifact file_of(std::string bytes) {
    Artifact file{.name = "profile-a-1.folded", .format = "folded", .content_type = "text/plain", .bytes = std::move(bytes), .sha256 = {}, .path = {}};
    file.sha256 = sha256_hex(file.bytes);
    file.part = "shop_web";
    file.labels = {{"pod", "web-1"}};
    return file;
  }
  static Batch batch_at(std::uint64_t seconds) {
    Batch batch;
    batch.app_name = "shop";
    batch.started_ns = seconds * 1'000'000'000;
    batch.run = "r" + std::to_string(seconds);
    return batch;
  }
  std::string dir_;
  Upload upload_;
};

TEST_F(SpoolTest, GivesBackWhatItWasGivenOldestFirst) {
  Spool spool(dir_, 1 << 20, 3600);
  EXPECT_EQ(spool.put(upload_, file_of("b 2\n"), batch_at(2000)), 0u);
  EXPECT_EQ(spool.put(upload_, file_of("a 1\n"), batch_at(1000)), 0u);
  EXPECT_EQ(spool.put(upload_, file_of("a 1\n"), batch_at(1000)), 0u);   // the same once more
  const auto all = Spool(dir_, 1 << 20, 3600).list();                    // another agent, later
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].started, 1000u);
  EXPECT_EQ(all[0].destination, destination_of(upload_));
  const auto first = spool.read(all[0]);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->file.bytes, "a 1\n");
  EXPECT_EQ(first->file.labels.at("pod"), "web-1");
  EXPECT_EQ(first->file.part, "shop_web");
  EXPECT_EQ(first->batch.run, "r1000");
  EXPECT_EQ(idempotency_key(first->batch, first->file), idempotency_key(batch_at(1000), file_of("a 1\n")));
  spool.remove(all[0]);
  EXPECT_EQ(spool.list().size(), 1u);
}

TEST_F(SpoolTest, HoldsNoSecretOfTheDestination) {
  Spool spool(dir_, 1 << 20, 3600);
  spool.put(upload_, file_of("a 1\n"), batch_at(1000));
  std::ifstream in(dir_ + "/" + spool.list().at(0).name, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  EXPECT_EQ(text.find("secret"), std::string::npos);
}

TEST_F(SpoolTest, DropsTheOldestWhereItIsTooMuchOrTooOld) {
  const std::string bytes(1000, 'x');
  Spool spool(dir_, 5000, 100);
  for (std::uint64_t at = 1000; at < 1010; ++at) spool.put(upload_, file_of(bytes), batch_at(at));
  const unsigned dropped = spool.trim(1010);
  auto left = spool.list();
  EXPECT_EQ(dropped + left.size(), 10u);
  EXPECT_GE(left.size(), 3u);
  std::uint64_t sum = 0;
  for (const Waiting& one : left) sum += one.bytes;
  EXPECT_LE(sum, 5000u);
  EXPECT_EQ(left.back().started, 1009u);
  EXPECT_EQ(spool.trim(1108), left.size() - 2);   // what began before 1008 is older than 100 s
  EXPECT_EQ(spool.list().size(), 2u);
}

TEST_F(SpoolTest, DamagedAndForeignFilesHarmNobody) {
  Spool spool(dir_, 1 << 20, 3600);
  spool.put(upload_, file_of("a 1\n"), batch_at(1000));
  const Waiting whole = spool.list().at(0);
  const auto put = [&](const std::string& name, const std::string& text) { std::ofstream(dir_ + "/" + name, std::ios::binary) << text; };
  put("notes.txt", "x");
  put("000000000900-01234567-x.spool", "no JSON");
  put("00000000090x-01234567-x.spool", "{}");
  put("000000000901-01234567-y.spool", "{\"file\": {}}\nbytes");
  std::filesystem::create_symlink("/etc/passwd", dir_ + "/000000000902-01234567-z.spool");
  auto all = spool.list();
  ASSERT_EQ(all.size(), 3u);
  EXPECT_FALSE(spool.read(all[0]));
  EXPECT_FALSE(spool.read(all[1]));
  std::ofstream(dir_ + "/" + whole.name, std::ios::app) << "more";
  EXPECT_FALSE(spool.read(whole));
  EXPECT_TRUE(spool.list().empty());
  EXPECT_TRUE(std::filesystem::exists(dir_ + "/notes.txt"));
}

// A file system of 64 KiB that is full: older ones make room, and what fits nowhere is counted.
TEST_F(SpoolTest, AFullDiskCostsTheOldest) {
  const std::string mount = "mount -t tmpfs -o size=64k tmpfs " + dir_ + " 2>/dev/null";
  if (std::system(mount.c_str()) != 0) GTEST_SKIP() << "\nSKIP: a full disk: no tmpfs can be mounted here";
  Spool spool(dir_, 1 << 20, 3600);
  const std::string bytes(15'000, 'x');
  unsigned dropped = 0;
  for (std::uint64_t at = 1000; at < 1010; ++at) dropped += spool.put(upload_, file_of(bytes), batch_at(at));
  const auto left = spool.list();
  EXPECT_EQ(dropped + left.size(), 10u);
  EXPECT_GT(left.size(), 1u);
  EXPECT_EQ(left.back().started, 1009u);
  for (const Waiting& one : left) EXPECT_TRUE(spool.read(one));
  EXPECT_GE(spool.put(upload_, file_of(std::string(100'000, 'y')), batch_at(1010)), 1u);
  EXPECT_EQ(std::system(("umount " + dir_).c_str()), 0);
}

TEST(Pace, WaitsLongerAndLongerUpToABound) {
  Pace pace;
  double now = 100, last = 0;
  for (int i = 0; i < 20; ++i) {
    pace.failed(now, 0.5, {});
    EXPECT_GE(pace.due() - now, last);
    EXPECT_LE(pace.due() - now, Pace::kLongestWait);
    last = pace.due() - now;
    now = pace.due();
  }
  EXPECT_EQ(last, 0.75 * Pace::kLongestWait);
  pace.failed(now, 0, 1000.0);
  EXPECT_EQ(pace.due() - now, 1000);   // as the server asks, or later
  pace.failed(now, 0.999, 1000.0);
  EXPECT_GT(pace.due() - now, 1400);
  pace.succeeded(now, 0.5, true);
  EXPECT_EQ(pace.due() - now, Pace::kBetween);   // what waited goes out bit by bit
  pace.succeeded(now, 0.5, false);
  pace.succeeded(now, 0.5, true);
  EXPECT_EQ(pace.due(), now);
}

// A thousand agents, each with a profile a minute; their server is away for half an hour, then there again. Minutes after its
// return, what arrives a second: no peak of all at once.
TEST(Pace, AThousandAgentsComeBackEvenly) {
  constexpr double kDown = 1800, kEnd = kDown + 900;
  std::mt19937 engine(1);
  const auto chance = [&] { return std::uniform_real_distribution<double>(0, 1)(engine); };
  std::vector<unsigned> arrivals(static_cast<std::size_t>(kEnd - kDown) + 1);
  std::uint64_t sent = 0;
  for (int agent = 0; agent < 1000; ++agent) {
    Pace pace;
    unsigned waiting = 0;
    double made = 0;   // all begin at the same second, as after a power cut
    for (double now = 0; now < kEnd;) {
      for (; made <= now; made += 60) {
        if (waiting++ == 0) pace.arrived(made);
      }
      if (waiting == 0 || pace.due() > now) {
        now = waiting == 0 ? made : pace.due();
        continue;
      }
      if (now < kDown) {
        pace.failed(now, chance(), {});
      } else {
        ++arrivals[static_cast<std::size_t>(now - kDown)];
        ++sent;
        pace.succeeded(now, chance(), --waiting > 0);
      }
    }
  }
  const auto catching_up = std::span(arrivals).first(300);
  const unsigned peak = *std::max_element(catching_up.begin(), catching_up.end());
  const double mean = std::accumulate(catching_up.begin(), catching_up.end(), 0.0) / 300;
  std::printf("arrivals in each half minute after the server's return:");
  for (std::size_t at = 0; at + 30 <= 330; at += 30) std::printf(" %u", std::accumulate(arrivals.begin() + at, arrivals.begin() + at + 30, 0u));
  std::printf("; the fullest second of the first five minutes %u, the mean %.0f\n", peak, mean);
  EXPECT_GE(sent, 1000u * 30);
  EXPECT_LT(peak, 3 * mean);
}

}  // namespace
}  // namespace sampan

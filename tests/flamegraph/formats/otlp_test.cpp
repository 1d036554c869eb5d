// What the independent decoder (tests/live/otlp_test.py) does not meet: hostile bytes, unknown times, weights of time, diffs.
#include "flamegraph/formats/otlp.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <protozero/pbf_reader.hpp>

#include "flamegraph/diff.hpp"
#include "tests/flamegraph/formats/gunzip.hpp"

namespace sampan {
namespace {

// The one Profile message (resource_profiles 1, scope_profiles 2, profiles 2) and the strings (dictionary 2, string_table 5).
struct Decoded {
  std::string profile;
  std::vector<std::string> strings;
  std::vector<std::int64_t> values;
  std::size_t timestamps = 0;
  std::uint64_t time = 0;
  bool period_type = false;

  explicit Decoded(const Profile& of) {
    const std::string bytes = gunzip(to_otlp(of));
    for (protozero::pbf_reader data(bytes); data.next();) {
      if (data.tag() == 1) read_resource(data.get_message());
      else read_dictionary(data.get_message());
    }
  }
  void read_resource(protozero::pbf_reader resource) {
    while (resource.next(2, protozero::pbf_wire_type::length_delimited)) {
      for (protozero::pbf_reader scope = resource.get_message(); scope.next(2, protozero::pbf_wire_type::length_delimited);) read_profile(scope.get_message());
    }
  }
  void read_profile(protozero::pbf_reader message) {
    while (message.next()) {
      if (message.tag() == 2) read_sample(message.get_message());
      else if (message.tag() == 3) time = message.get_fixed64();
      else if (message.tag() == 5) period_type = true, message.skip();
      else message.skip();
    }
  }
  void read_sample(protozero::pbf_reader sample) {
    while (sample.next()) {
      if (sample.tag() == 4) {
        for (const auto value : sample.get_packed_int64()) values.push_back(value);
      } else if (sample.tag() == 5) {
        timestamps += sample.get_packed_fixed64().size();
      } else {
        sample.skip();
      }
    }
  }
  void read_dictionary(protozero::pbf_reader dictionary) {
    while (dictionary.next()) {
      if (dictionary.tag() == 5) strings.push_back(dictionary.get_string());
      else dictionary.skip();
    }
  }
  std::int64_t sum() const {
    std::int64_t total = static_cast<std::int64_t>(timestamps);
    for (const auto value : values) total += value;
    return total;
  }
};

Profile small(std::uint64_t weight) {
  Profile profile;
  const FrameId stack[] = {profile.intern({FrameKind::Process, "app", {}, 7}), profile.intern({FrameKind::Python, "main", "a.py", 3})};
  profile.add(stack, weight);
  profile.description.rate = 100;
  return profile;
}

TEST(Otlp, WhenItBeganIsSaidOnlyWhereItIsKnown) {
  Profile profile = small(5);
  EXPECT_EQ(Decoded(profile).time, 0u);   // absent: not 1970
  profile.description.started_ns = 1'764'000'000'000'000'000;
  EXPECT_EQ(Decoded(profile).time, 1'764'000'000'000'000'000u);
  EXPECT_TRUE(Decoded(profile).period_type);
  profile.description.rate = 0;
  EXPECT_FALSE(Decoded(profile).period_type);   // Pyroscope refuses a period of 0
}

TEST(Otlp, EachMomentIsATimestampAndTheRestAValue) {
  Profile profile = small(0);
  profile.moments.begin(0, 1'764'000'000'000'000'000);
  const LaneId lane = profile.moments.lane(1, 0);
  for (int i = 0; i < 4; ++i) profile.add_moment(lane, 1'000'000 * i, 2, 1);
  profile.node(2).self = 6;
  const Decoded decoded(profile);
  EXPECT_EQ(decoded.timestamps, 4u);
  EXPECT_EQ(decoded.values, std::vector<std::int64_t>{2});
  EXPECT_EQ(decoded.sum(), 6);
}

TEST(Otlp, MoreMomentsThanWeightAreNotInvented) {
  Profile profile = small(0);
  profile.moments.begin(0, 0);
  const LaneId lane = profile.moments.lane(1, 0);
  for (int i = 0; i < 4; ++i) profile.add_moment(lane, 1'000'000 * i, 2, 1);
  profile.node(2).self = 3;
  EXPECT_EQ(Decoded(profile).sum(), 3);
}

TEST(Otlp, TimeIsValuesWithoutTimestamps) {
  Profile profile = small(0);
  profile.description.unit = "nanoseconds";
  profile.description.event = "off_cpu";
  profile.moments.begin(0, 0);
  profile.node(2).self = 5'000'000;
  profile.add_moment(profile.moments.lane(1, 0), 1, 2, 5'000'000);
  const Decoded decoded(profile);
  EXPECT_EQ(decoded.timestamps, 0u);
  EXPECT_EQ(decoded.values, std::vector<std::int64_t>{5'000'000});
  EXPECT_FALSE(decoded.period_type);
  EXPECT_NE(std::find(decoded.strings.begin(), decoded.strings.end(), "off_cpu"), decoded.strings.end());
}

TEST(Otlp, ADiffIsSigned) {
  Profile after = small(4);
  const FrameId other[] = {after.intern({FrameKind::Process, "app", {}, 7}), after.intern({FrameKind::Python, "other", "a.py", 9})};
  after.add(other, 4);
  // Sides compare by shares: all of the first, half and half of the second.
  EXPECT_THAT(Decoded(diff(small(16), after)).values, testing::UnorderedElementsAre(-4, 4));
}

TEST(Otlp, HostileBytesBecomeText) {
  std::string bytes;
  for (int c = 0; c < 256; ++c) bytes += static_cast<char>(c);
  Profile profile;
  const FrameId stack[] = {profile.intern({FrameKind::Process, bytes, {}, 7}), profile.intern({FrameKind::Native, bytes, bytes, 0, 5}), profile.intern({FrameKind::Native, {}, bytes, 0, 6})};
  profile.add(stack, 2);
  profile.description.title = bytes;
  profile.description.labels = {{"pod", bytes}};
  const Decoded decoded(profile);
  EXPECT_EQ(decoded.sum(), 2);
  ASSERT_FALSE(decoded.strings.empty());
  EXPECT_EQ(decoded.strings[0], "");
  for (const std::string& text : decoded.strings) EXPECT_EQ(text.find_first_of(std::string_view("\0\n\x7f", 3)), std::string::npos);
}

}  // namespace
}  // namespace sampan

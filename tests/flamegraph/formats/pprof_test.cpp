// The protocol buffer itself, decoded here field by field: what Go's reader would forgive is checked too.
#include "flamegraph/formats/pprof.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <protozero/pbf_reader.hpp>

#include "flamegraph/diff.hpp"
#include "flamegraph/formats/folded.hpp"
#include "tests/flamegraph/formats/gunzip.hpp"

namespace sampan {
namespace {

// A message's fields by number, in the order written.
struct Message {
  std::multimap<std::uint32_t, std::int64_t> numbers;
  std::multimap<std::uint32_t, std::string> bytes;

  explicit Message(const std::string& data) {
    for (protozero::pbf_reader reader(data); reader.next();) {
      const std::uint32_t tag = reader.tag();  // reading the value clears it
      if (reader.wire_type() == protozero::pbf_wire_type::varint) numbers.emplace(tag, reader.get_int64());
      else bytes.emplace(tag, reader.get_string());
    }
  }
  std::int64_t number(std::uint32_t tag) const { return numbers.contains(tag) ? numbers.find(tag)->second : 0; }
  std::vector<std::string> all(std::uint32_t tag) const {
    std::vector<std::string> found;
    for (auto [at, end] = bytes.equal_range(tag); at != end; ++at) found.push_back(at->second);
    return found;
  }
};

std::vector<std::int64_t> packed(const std::string& bytes) {
  std::vector<std::int64_t> values;
  for (const char *at = bytes.data(), *end = at + bytes.size(); at != end;) {
    values.push_back(static_cast<std::int64_t>(protozero::decode_varint(&at, end)));
  }
  return values;
}

// profile.proto's numbers: sample 2, mapping 3, location 4, function 5, string_table 6.
struct Decoded {
  Message root;
  std::vector<std::string> strings = root.all(6);
  std::map<std::int64_t, Message> locations = by_id(4), functions = by_id(5);

  explicit Decoded(const std::string& gzipped) : root(gunzip(gzipped)) {}
  std::map<std::int64_t, Message> by_id(std::uint32_t tag) const {
    std::map<std::int64_t, Message> found;
    for (const std::string& bytes : root.all(tag)) {
      Message message(bytes);
      const std::int64_t id = message.number(1);
      EXPECT_NE(id, 0);
      EXPECT_TRUE(found.emplace(id, std::move(message)).second) << "two of id " << id;
    }
    return found;
  }
  std::string text(std::int64_t at) const { return strings.at(static_cast<std::size_t>(at)); }
  // A sample as `leaf;caller;... values`.
  std::string print(const std::string& sample) const {
    const Message message(sample);
    std::string out;
    for (std::int64_t id : packed(message.bytes.find(1)->second)) {
      const Message line(locations.at(id).all(4).at(0));
      out += (out.empty() ? "" : ";") + text(functions.at(line.number(1)).number(2));
    }
    for (std::int64_t value : packed(message.bytes.find(2)->second)) out += " " + std::to_string(value);
    return out;
  }
};

TEST(PprofBytes, ListLeafFirstWithCountAndTime) {
  Profile profile;
  add_folded(profile, "p (pid 12);main;work;leaf 5\np (pid 12);main;work 2\n");
  profile.description.rate = 100;
  const Decoded read(to_pprof(profile));
  std::vector<std::string> samples;
  for (const std::string& sample : read.root.all(2)) samples.push_back(read.print(sample));
  std::sort(samples.begin(), samples.end());
  EXPECT_EQ(samples, (std::vector<std::string>{"leaf;work;main 5 50000000", "work;main 2 20000000"}));
}

TEST(PprofBytes, HaveOneStringOfEachAndTheEmptyOneFirst) {
  Profile profile;
  add_folded(profile, "f (a.py:1);f (a.py:2) 1\nf (b.py:1) 1\n");
  const Decoded read(to_pprof(profile));
  ASSERT_FALSE(read.strings.empty());
  EXPECT_EQ(read.strings[0], "");
  EXPECT_EQ(std::set<std::string>(read.strings.begin(), read.strings.end()).size(), read.strings.size());
  EXPECT_EQ(read.functions.size(), 2u);  // f of a.py once, though on two lines
  EXPECT_EQ(read.locations.size(), 3u);
}

TEST(PprofBytes, NameTheModuleOfNativeCodeOnly) {
  Profile profile;
  const FrameId stack[] = {profile.intern({FrameKind::Python, "f", "a.py", 7, 0}),
                           profile.intern({FrameKind::Native, "memcpy", "/lib/libc.so.6", 0, 0x1234})};
  profile.add(stack, 1);
  const Decoded read(to_pprof(profile, [](std::string_view) { return "abcd"; }));
  const std::map<std::int64_t, Message> mappings = read.by_id(3);
  ASSERT_EQ(mappings.size(), 2u);
  EXPECT_EQ(read.text(mappings.at(1).number(5)), "");
  EXPECT_EQ(read.text(mappings.at(2).number(5)), "/lib/libc.so.6");
  EXPECT_EQ(read.text(mappings.at(2).number(6)), "abcd");
  for (const auto& [id, location] : read.locations) EXPECT_EQ(location.number(2), location.number(3) == 0x1234 ? 2 : 1);
}

TEST(PprofBytes, OfADiffAreTheDifference) {
  Profile before, after;
  add_folded(before, "a;gone 4\na;same 4\n");
  add_folded(after, "a;new 4\na;same 4\n");
  const Decoded read(to_pprof(diff(before, after)));
  std::vector<std::string> samples;
  for (const std::string& sample : read.root.all(2)) samples.push_back(read.print(sample));
  std::sort(samples.begin(), samples.end());
  EXPECT_EQ(samples, (std::vector<std::string>{"gone;a -4", "new;a 4", "same;a 0"}));
}

}  // namespace
}  // namespace sampan

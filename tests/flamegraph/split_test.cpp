#include "flamegraph/split.hpp"

#include <gtest/gtest.h>

#include "flamegraph/formats/folded.hpp"
#include "flamegraph/label.hpp"

namespace sampan {
namespace {

struct Node30 {
  Profile profile;
  Node30() {
    profile.moments.begin(0, 1'000'000'000);
    profile.description.title = "node";
    const auto frame = [&](FrameKind kind, const char* name, const char* file = "", std::uint32_t line = 0) { return profile.intern({kind, name, file, line}); };
    const FrameId host = frame(FrameKind::Host, "n1"), shop = frame(FrameKind::Namespace, "shop");
    const FrameId web = frame(FrameKind::Container, "web", "aaaa"), other = frame(FrameKind::Container, "web", "bbbb");
    const FrameId one = frame(FrameKind::Process, "app", "", 11), two = frame(FrameKind::Process, "app", "", 12), init = frame(FrameKind::Process, "init", "", 1);
    const FrameId main = frame(FrameKind::Native, "main"), hot = frame(FrameKind::Native, "hot");
    add({host, shop, web, one, main, hot}, one, 3);
    add({host, shop, web, one, main}, one, 1);
    add({host, shop, other, two, main, hot}, two, 5);
    add({host, init, main}, init, 2);
  }
  void add(std::vector<FrameId> stack, FrameId process, unsigned times) {
    for (unsigned i = 0; i < times; ++i) {
      const NodeId node = profile.add_at(Profile::kRoot, stack, 1);
      profile.add_moment(profile.moments.lane(process, 0), (at_ += 10'000'000), node, 1);
    }
  }
  std::uint64_t at_ = 0;
};

TEST(Split, OneProfileAContainer) {
  const Node30 node;
  const auto parts = parts_of(node.profile, FrameKind::Container);
  ASSERT_EQ(parts.size(), 3u);   // two containers of one name, and what is in none
  std::uint64_t total = 0;
  std::size_t moments = 0;
  for (const FrameId part : parts) {
    const Profile one = part_of(node.profile, FrameKind::Container, part, false);
    total += one.total();
    moments += one.moments.size();
    EXPECT_EQ(one.description.title, "node");
    EXPECT_EQ(one.moments.lanes().size(), 1u);
  }
  EXPECT_EQ(total, node.profile.total());
  EXPECT_EQ(moments, node.profile.moments.size());
  EXPECT_EQ(to_folded(part_of(node.profile, FrameKind::Container, parts[0], false)),
            "n1 (node);shop (namespace);app (pid 11);main 1\nn1 (node);shop (namespace);app (pid 11);main;hot 3\n");
  EXPECT_EQ(to_folded(part_of(node.profile, FrameKind::Container, parts[1], true)), "n1 (node);shop (namespace);web (container);app (pid 12);main;hot 5\n");
  EXPECT_EQ(to_folded(part_of(node.profile, FrameKind::Container, parts[2], false)), "n1 (node);init (pid 1);main 2\n");
}

TEST(Split, NothingSampledIsNoPart) { EXPECT_TRUE(parts_of(Profile(), FrameKind::Container).empty()); }

TEST(Label, PlacesAboveProcessesReadBack) {
  for (const FrameKind kind : {FrameKind::Host, FrameKind::Namespace, FrameKind::Pod, FrameKind::Container}) {
    const std::string label = frame_label({kind, "web-1", "id"});
    const Frame back = parse_label(label);
    EXPECT_EQ(back.kind, kind) << label;
    EXPECT_EQ(back.name, "web-1");
    EXPECT_TRUE(is_group(kind));
  }
  EXPECT_FALSE(is_group(FrameKind::Python));
}

}  // namespace
}  // namespace sampan

#include "samplers/python/frames.hpp"

#include <gtest/gtest.h>

#include "samplers/python/codes.hpp"
#include "tests/samplers/python/fake_python.hpp"

namespace sampan::python {
namespace {

std::vector<std::string> names(FakePython& fake, Codes& codes, std::span<const FrameSite> sites, Profile& profile) {
  std::vector<std::string> found;
  codes.verify(sites);
  for (const FrameSite& site : sites) {
    const Frame& frame = profile.frame(codes.frame(site, true));
    found.push_back(std::string(frame.name) + "@" + std::string(frame.file) + ":" + std::to_string(frame.line));
  }
  (void)fake;
  return found;
}

TEST(PythonFrames, AStackIsReadInnermostFirst) {
  FakePython fake;
  fake.push(fake.code("main", "/srv/a.py", 1));
  fake.push(fake.code("Class.method", "/srv/b.py", 20));
  Profile profile;
  FrameReader reader(fake.memory, fake.o);
  Codes codes(fake.memory, fake.python, profile, true);
  std::vector<FrameSite> sites;
  EXPECT_EQ(reader.read(fake.state, sites), FramesRead::Whole);
  EXPECT_EQ(names(fake, codes, sites, profile), (std::vector<std::string>{"Class.method@/srv/b.py:20", "main@/srv/a.py:1"}));
}

TEST(PythonFrames, NoFrameIsNoStack) {
  FakePython fake;
  fake.head = 0;
  fake.write();
  FrameReader reader(fake.memory, fake.o);
  std::vector<FrameSite> sites;
  EXPECT_EQ(reader.read(fake.state, sites), FramesRead::None);
  EXPECT_TRUE(sites.empty());
}

// At each read another frame is the head of a chain that ends in the middle, as where a generator lets go of its caller.
struct EndsElsewhere final : Memory {
  explicit EndsElsewhere(FakePython& fake) : fake_(fake) {}
  std::size_t read_batch(std::span<const Read> reads) override {
    fake_.head = FakePython::kChunk + (turn_++ % 2 ? 32 : 128);
    fake_.write();
    return fake_.memory.read_batch(reads);
  }
  FakePython& fake_;
  unsigned turn_ = 0;
};

TEST(PythonFrames, AChainThatEndsInTheMiddleIsNone) {
  FakePython fake;
  for (const char* name : {"one", "other"}) {
    fake.head = 0;   // no entry frame below
    fake.push(fake.code(name, "g.py", 1));
  }
  EndsElsewhere memory(fake);
  FrameReader reader(memory, fake.o);
  std::vector<FrameSite> sites;
  EXPECT_EQ(reader.read(fake.state, sites), FramesRead::Torn);
  EXPECT_TRUE(sites.empty());
}

// What Nuitka compiled pushes frames with no entry frame below, and its positions never move.
TEST(PythonFrames, AChainWithoutAnEntryFrameIsTakenWhereItStaysSo) {
  FakePython fake;
  fake.head = 0;
  fake.push(fake.code("main", "n.py", 7));
  fake.push(fake.code("hot", "n.py", 3));
  FrameReader reader(fake.memory, fake.o);
  std::vector<FrameSite> sites;
  EXPECT_EQ(reader.read(fake.state, sites), FramesRead::Whole);
  ASSERT_EQ(sites.size(), 2u);
  EXPECT_FALSE(sites.back().entry);
  for (FrameSite& site : sites) site.placed = false;   // as the walker marks such a chain
  Profile profile;
  Codes codes(fake.memory, fake.python, profile, true);
  EXPECT_EQ(names(fake, codes, sites, profile), (std::vector<std::string>{"hot@n.py:0", "main@n.py:0"}));
  // Once known, such a root is taken at the first read.
  sites.clear();
  EXPECT_EQ(reader.read(fake.state, sites), FramesRead::Whole);
  EXPECT_EQ(sites.size(), 2u);
}

// A deep stack whose outer frames are gone: what was read of that moment counts, a later moment would be a shallower one.
TEST(PythonFrames, ADeepStackThatIsTornIsCutNotReadAgain) {
  FakePython fake;
  const std::uint64_t code = fake.code("deep", "d.py", 1);
  fake.head = 0x7f0000000;   // not readable
  fake.chunk.resize(64 * 1024);
  FakePython::put(fake.chunk, 8, std::uint64_t{64 * 1024});
  for (int i = 0; i < 300; ++i) fake.push(code);
  FrameReader reader(fake.memory, fake.o);
  std::vector<FrameSite> sites;
  EXPECT_EQ(reader.read(fake.state, sites), FramesRead::Cut);
  EXPECT_EQ(sites.size(), 300u);
}

TEST(PythonFrames, ALoopEnds) {
  FakePython fake;
  fake.push(fake.code("a", "a.py", 1));
  FakePython::put(fake.chunk, 32 + fake.o.frame_back, fake.head);   // its own caller
  fake.write();
  FrameReader reader(fake.memory, fake.o);
  std::vector<FrameSite> sites;
  EXPECT_EQ(reader.read(fake.state, sites), FramesRead::Torn);
}

TEST(PythonFrames, AnotherThreadsStateIsStale) {
  FakePython fake;
  fake.push(fake.code("a", "a.py", 1));
  fake.state.thread_id = 0x61000;
  FrameReader reader(fake.memory, fake.o);
  std::vector<FrameSite> sites;
  EXPECT_EQ(reader.read(fake.state, sites), FramesRead::Stale);
}

// The memory of a freed code object serves another: the cache must not name the old one.
TEST(PythonCodes, AReusedCodeObjectIsResolvedAnew) {
  FakePython fake;
  const auto code = fake.code("before", "a.py", 5);
  fake.push(code);
  Profile profile;
  FrameReader reader(fake.memory, fake.o);
  Codes codes(fake.memory, fake.python, profile, true);
  std::vector<FrameSite> sites;
  ASSERT_EQ(reader.read(fake.state, sites), FramesRead::Whole);
  EXPECT_EQ(names(fake, codes, sites, profile)[0], "before@a.py:5");
  fake.put_code(code, "after", "b.py", 7);
  EXPECT_EQ(names(fake, codes, sites, profile)[0], "after@b.py:7");
}

TEST(PythonCodes, WhatIsNoCodeObjectIsNoFrame) {
  FakePython fake;
  const auto text = fake.string("not a code object, though it is long enough to be read as one; it goes on and on, for as many "
                                "bytes as a code object would have, and then some more, so that no read of it falls short of anything.");
  fake.push(text);
  Profile profile;
  FrameReader reader(fake.memory, fake.o);
  Codes codes(fake.memory, fake.python, profile, true);
  std::vector<FrameSite> sites;
  ASSERT_EQ(reader.read(fake.state, sites), FramesRead::Whole);
  EXPECT_EQ(codes.frame(sites[0], true), Profile::kNoFrame);
}

TEST(PythonCodes, WithoutLinesAFunctionIsOneFrame) {
  FakePython fake;
  const auto code = fake.code("f", "a.py", 5);
  fake.push(code);
  Profile profile;
  FrameReader reader(fake.memory, fake.o);
  Codes codes(fake.memory, fake.python, profile, false);
  std::vector<FrameSite> sites;
  ASSERT_EQ(reader.read(fake.state, sites), FramesRead::Whole);
  EXPECT_EQ(profile.frame(codes.frame(sites[0], true)).line, 0u);
}

}  // namespace
}  // namespace sampan::python

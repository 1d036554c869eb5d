#include <gmock/gmock.h>

#include "samplers/ruby/lines.hpp"
#include "tests/samplers/ruby/fake_ruby.hpp"

namespace sampan::ruby {
namespace {

using testing::ElementsAre;

struct Walk {
  Profile profile;
  Options options;
  Context context{profile, options, {}};
  std::vector<FrameId> ids;

  std::unique_ptr<RubyWalker> open(FakeRuby& ruby) { return std::make_unique<RubyWalker>(context, ruby.open(), 77); }
  Walked walk(RubyWalker& walker, pid_t inner = 77) {
    ThreadSnapshot snapshot;
    snapshot.tid = 1000;
    snapshot.inner_tid = inner;
    ids.clear();
    return walker.walk(snapshot, ids);
  }
  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const FrameId id : ids) {
      const Frame& frame = profile.frame(id);
      out.push_back(std::string(frame.name) + (frame.file.empty() ? "" : ":" + std::to_string(frame.line)));
    }
    return out;
  }
};

class EveryRuby : public testing::TestWithParam<std::size_t> {
 protected:
  const Layout& layout() const { return layouts()[GetParam()]; }
};

// <main> calls A::B#work, whose block is called by Array#each; the block calls A::B.made.
void push_example(FakeRuby& ruby) {
  const Value owner = ruby.klass("A::B"), array = ruby.klass("Array");
  const auto main = ruby.iseq("<main>", "/app/main.rb", {{0, 1}, {3, 9}});
  const auto work = ruby.iseq("work", "/app/b.rb", {{0, 10}, {4, 11}, {60, 12}, {700, 13}});
  const auto block = ruby.iseq("block in work", "/app/b.rb", {{0, 14}}, work);
  const auto made = ruby.iseq("made", "/app/b.rb", {{0, 20}, {5, 21}});
  const Value me = ruby.method(owner, "work", work);
  ruby.push(FakeRuby::kDummy | FakeRuby::kLocal, 0, 0, 0);
  ruby.push(FakeRuby::kMethod | FakeRuby::kLocal, main, ruby.pc(main, 3), 0);
  const auto ep = ruby.push(FakeRuby::kMethod | FakeRuby::kLocal, work, ruby.pc(work, 61), me);
  ruby.push(FakeRuby::kCfunc | FakeRuby::kLocal, 0, 0, ruby.method(array, "each", 0));
  ruby.push(FakeRuby::kBlock, block, ruby.pc(block, 2), 0, ep);
  ruby.push(FakeRuby::kMethod | FakeRuby::kLocal, made, ruby.pc(made, 4), ruby.method(ruby.singleton(owner), "made", made));
}

TEST_P(EveryRuby, NamesAndLines) {
  FakeRuby ruby(layout());
  push_example(ruby);
  ASSERT_TRUE(is_vm(ruby.image, layout(), ruby.vm));
  Walk run;
  const auto walker = run.open(ruby);
  EXPECT_EQ(run.walk(*walker), Walked::Whole);
  const bool knows_singletons = layout().klass.attached != kNone;
  EXPECT_THAT(run.names(), ElementsAre("<main>:9", "A::B#work:12", "Array#each", "block in A::B#work:14",
                                       knows_singletons ? "A::B.made:20" : "made:20"));
}

TEST_P(EveryRuby, TheCollectorIsTheInnermostFrame) {
  FakeRuby ruby(layout());
  push_example(ruby);
  ruby.collect_garbage();
  Walk run;
  const auto walker = run.open(ruby);
  EXPECT_EQ(run.walk(*walker), Walked::Whole);
  EXPECT_EQ(run.names().back(), "[garbage collection]");
  ThreadSnapshot snapshot;
  snapshot.inner_tid = 77;
  EXPECT_TRUE(walker->holds_lock(snapshot));
}

TEST_P(EveryRuby, EachPositionHasItsLine) {
  FakeRuby ruby(layout());
  FakeRuby::Lines lines;
  for (std::uint32_t position = 0, line = 1; position < 2000; position += 1 + line % 7 * (line % 3), ++line) lines.push_back({position, line});
  const auto iseq = ruby.iseq("long", "/app/long.rb", lines);
  const auto body = ruby.image.read_as<std::uint64_t>(iseq + 16);
  std::size_t at = 0;
  for (std::uint32_t position = 0; position <= lines.back().first; ++position) {
    while (at + 1 < lines.size() && lines[at + 1].first <= position) ++at;
    ASSERT_EQ(find_line(ruby.image, layout(), body, position), lines[at].second) << position;
  }
}

TEST_P(EveryRuby, ABlockWhoseEnvironmentOutlivedItsStack) {
  FakeRuby ruby(layout());
  const auto work = ruby.iseq("work", "/app/b.rb", {{0, 10}});
  const auto block = ruby.iseq("block in work", "/app/b.rb", {{0, 14}}, work);
  const std::uint64_t heap = ruby.image.allocate(64), outer = ruby.image.allocate(64);
  ruby.image.put(outer, ruby.method(ruby.klass("A"), "work", work));
  ruby.image.put(outer + 16, FakeRuby::kMethod | FakeRuby::kLocal);
  ruby.image.put(heap + 8, (outer + 16) | 1);
  ruby.image.put(heap + 16, FakeRuby::kBlock);
  ruby.push_with(block, ruby.pc(block, 0), heap + 16);
  Walk run;
  const auto walker = run.open(ruby);
  EXPECT_EQ(run.walk(*walker), Walked::Whole);
  EXPECT_THAT(run.names(), ElementsAre("block in A#work:14"));
}

// What the thread does after its stop is not part of the sample.
TEST_P(EveryRuby, IsSeenAsItStood) {
  FakeRuby ruby(layout());
  push_example(ruby);
  ruby.collect_garbage();   // and so the lock is its own
  Walk run;
  const auto walker = run.open(ruby);
  Registers registers;
  ThreadSnapshot snapshot;
  snapshot.inner_tid = 77;
  snapshot.registers = &registers;
  walker->observe_stopped(snapshot);
  ruby.image.put<std::uint64_t>(ruby.running, 0);
  const auto other = ruby.iseq("other", "/app/b.rb", {{0, 30}});
  ruby.push(FakeRuby::kMethod | FakeRuby::kLocal, other, ruby.pc(other, 0), 0);
  EXPECT_TRUE(walker->holds_lock(snapshot));
  EXPECT_EQ(walker->walk(snapshot, run.ids), Walked::Whole);
  EXPECT_THAT(run.names(), testing::SizeIs(6));
  EXPECT_EQ(run.names().back(), "[garbage collection]");
  EXPECT_EQ(run.walk(*walker), Walked::Whole) << "a stop is for one sample";
  EXPECT_EQ(run.names().back(), "other:30");
  ThreadSnapshot stranger = snapshot;
  stranger.inner_tid = 78;
  walker->observe_stopped(stranger);
  EXPECT_EQ(walker->walk(stranger, run.ids), Walked::NoFrames);
}

// What the kernel's walk sends of these frames.
struct Sent {
  std::vector<std::byte> bytes;
  explicit Sent(std::uint32_t flags = SAMPAN_RUBY_THREAD) { add(sampan_ruby_stack{flags, 0}); }

  void frame(std::uint64_t pc, std::uint64_t iseq, std::uint64_t kind, Value method, std::uint32_t flags = 0) {
    add(sampan_ruby_frame{pc, iseq, method, static_cast<std::uint32_t>(kind), flags});
    auto head = read_at<sampan_ruby_stack>(bytes, 0);
    ++head.frames;
    std::memcpy(bytes.data(), &head, sizeof head);
  }
  ThreadSnapshot snapshot() const {
    ThreadSnapshot snapshot;
    snapshot.inner_tid = 77;
    snapshot.interpreter = bytes;
    snapshot.deferred = true;
    return snapshot;
  }

 private:
  template <typename T>
  void add(const T& value) {
    const Bytes all = std::as_bytes(std::span(&value, 1));
    bytes.insert(bytes.end(), all.begin(), all.end());
  }
};

std::unique_ptr<RubyWalker> open_in_kernel(Walk& run, FakeRuby& ruby) {
  auto vm = ruby.open();
  vm->descriptor = 0;
  auto walker = std::make_unique<RubyWalker>(run.context, std::move(vm), 77);
  const auto given = walker->kernel_walk();
  EXPECT_TRUE(given && given->layout.size() == sizeof(sampan_ruby_process));
  return walker;
}

TEST_P(EveryRuby, TakesWhatTheKernelSent) {
  FakeRuby ruby(layout());
  Walk run;
  const auto walker = open_in_kernel(run, ruby);
  const auto work = ruby.iseq("work", "/app/b.rb", {{0, 10}, {4, 11}}), block = ruby.iseq("block in work", "/app/b.rb", {{0, 14}}, work);
  const Value me = ruby.method(ruby.klass("A::B"), "work", work), each = ruby.method(ruby.klass("Array"), "each", 0);
  Sent sent(SAMPAN_RUBY_THREAD | SAMPAN_RUBY_LOCK | SAMPAN_RUBY_COLLECTING);
  sent.frame(ruby.pc(block, 2), block, FakeRuby::kBlock, me);
  sent.frame(0, 0, FakeRuby::kCfunc | FakeRuby::kLocal, each, SAMPAN_RUBY_OWN_METHOD);
  sent.frame(ruby.pc(work, 5), work, FakeRuby::kMethod | FakeRuby::kLocal, me, SAMPAN_RUBY_OWN_METHOD);
  sent.frame(0, 0, FakeRuby::kDummy | FakeRuby::kLocal, 0);
  EXPECT_TRUE(walker->holds_lock(sent.snapshot()));
  EXPECT_EQ(walker->walk(sent.snapshot(), run.ids), Walked::Whole);
  EXPECT_THAT(run.names(), ElementsAre("A::B#work:11", "Array#each", "block in A::B#work:14", "[garbage collection]"));
  Sent freed(0);
  freed.frame(ruby.pc(work, 5) + 8 * 8192, work, FakeRuby::kMethod | FakeRuby::kLocal, me, SAMPAN_RUBY_OWN_METHOD);
  run.ids.clear();
  EXPECT_FALSE(walker->holds_lock(freed.snapshot()));
  walker->walk(freed.snapshot(), run.ids);
  EXPECT_THAT(run.names(), ElementsAre("[torn frame]")) << "its instructions are others by now";
}

TEST_P(EveryRuby, OfAStackTornInTheKernelNothingIsShown) {
  FakeRuby ruby(layout());
  push_example(ruby);
  Walk run;
  const auto walker = open_in_kernel(run, ruby);
  const auto work = ruby.iseq("work", "/app/b.rb", {{0, 10}});
  const auto take = [&](Sent& sent, unsigned frames) {
    for (unsigned i = 0; i < frames; ++i) sent.frame(ruby.pc(work, 0), work, FakeRuby::kMethod | FakeRuby::kLocal, 0);
    run.ids.clear();
    return walker->walk(sent.snapshot(), run.ids);
  };
  Sent torn(SAMPAN_RUBY_TORN), cut(SAMPAN_RUBY_CUT), deep, none;
  EXPECT_EQ(take(torn, 1), Walked::Failed);
  EXPECT_EQ(take(cut, 1), Walked::Truncated);
  EXPECT_THAT(run.names(), ElementsAre("[truncated]", "work:10"));
  EXPECT_EQ(take(deep, SAMPAN_RUBY_MOST_FRAMES + 1), Walked::Truncated);
  EXPECT_EQ(run.ids.size(), SAMPAN_RUBY_MOST_FRAMES + 1u);
  EXPECT_EQ(run.names()[SAMPAN_RUBY_HALF], "[truncated]");
  deep.bytes.resize(deep.bytes.size() / 3);
  EXPECT_EQ(take(deep, 0), Walked::Failed);
  EXPECT_EQ(take(none, 0), Walked::NoFrames);
  Registers registers;
  ThreadSnapshot sleeping;
  sleeping.inner_tid = 77;
  sleeping.registers = &registers;
  sleeping.fp_known = false;
  run.ids.clear();
  EXPECT_EQ(walker->walk(sleeping, run.ids), Walked::Whole) << "one that slept before is read";
  EXPECT_THAT(run.names(), testing::SizeIs(5));
}

INSTANTIATE_TEST_SUITE_P(Ruby, EveryRuby, testing::Range(std::size_t{0}, layouts().size()), [](const auto& row) {
  const Version& v = layouts()[row.param].since;
  return "V" + std::to_string(v.major) + "_" + std::to_string(v.minor) + "_" + std::to_string(v.patch);
});

const Layout& newest() { return layouts().back(); }

TEST(RubyWalker, AChangedHeadIsSuspect) {
  FakeRuby ruby(newest());
  push_example(ruby);
  Walk run;
  const auto walker = run.open(ruby);
  run.walk(*walker);
  ruby.image.on_read = [&, heads = 0](std::uint64_t address) mutable {
    if (address == ruby.context && ++heads == 2) ruby.image.put(ruby.context + 16, ruby.frame + newest().frame_size);
  };
  EXPECT_EQ(run.walk(*walker), Walked::Suspect);
  EXPECT_EQ(run.names().size(), 5u) << "taken as it is";
}

TEST(RubyWalker, ThreadsAreTakenByWhatLibcSays) {
  FakeRuby ruby(newest());   // Ruby's own id of the thread is stale
  push_example(ruby);
  Walk run;
  const auto walker = run.open(ruby);
  EXPECT_EQ(run.walk(*walker, 1), Walked::NoFrames);
  EXPECT_EQ(run.walk(*walker, 77), Walked::Whole);
}

TEST(RubyWalker, AFibersStackIsFollowed) {
  FakeRuby ruby(newest());
  push_example(ruby);
  Walk run;
  const auto walker = run.open(ruby);
  run.walk(*walker);
  const auto other = ruby.image.allocate(256), stack = ruby.image.allocate(1024);
  const auto made = ruby.iseq("resumed", "/app/f.rb", {{0, 3}});
  ruby.image.put(other, stack);
  ruby.image.put<std::uint64_t>(other + 8, 128);
  ruby.image.put(other + newest().ec_thread, ruby.thread);
  ruby.image.put(ruby.thread + newest().thread.ec, other);
  ruby.frame = stack + 1024;
  ruby.value = stack + 32;
  ruby.context = other;
  ruby.push(FakeRuby::kMethod | FakeRuby::kLocal, made, ruby.pc(made, 0), ruby.method(ruby.klass("F"), "resumed", made));
  EXPECT_EQ(run.walk(*walker), Walked::Whole);
  EXPECT_THAT(run.names(), ElementsAre("F#resumed:3"));
}

TEST(RubyWalker, ATornEnvironmentKeepsTheNameThatWasFoundBefore) {
  FakeRuby ruby(newest());
  const auto work = ruby.iseq("work", "/app/b.rb", {{0, 10}, {9, 11}}), other = ruby.iseq("other", "/app/b.rb", {{0, 50}});
  const Value owner = ruby.klass("A");
  const auto ep = ruby.push(FakeRuby::kMethod | FakeRuby::kLocal, work, ruby.pc(work, 0), ruby.method(owner, "work", work));
  Walk run;
  const auto walker = run.open(ruby);
  run.walk(*walker);
  ruby.image.put(ep - 16, ruby.method(ruby.klass("Wrong"), "other", other));
  ruby.image.put(ruby.frame, ruby.pc(work, 9));
  run.walk(*walker);
  EXPECT_THAT(run.names(), ElementsAre("A#work:11"));
}

TEST(RubyWalker, CompiledCodeSaysNoLine) {
  FakeRuby ruby(newest());
  push_example(ruby);
  const auto body = ruby.image.read_as<std::uint64_t>(ruby.image.read_as<std::uint64_t>(ruby.frame + 16) + 16);
  ruby.image.put<std::uint64_t>(body + newest().body.jit_code, 0x7000);
  ruby.image.put<std::uint64_t>(ruby.frame + newest().frame_jit_return, 0x7001);
  Walk run;
  const auto walker = run.open(ruby);
  run.walk(*walker);
  EXPECT_EQ(run.names().back(), "A::B.made:0");
  EXPECT_EQ(run.names()[1], "A::B#work:12") << "callers keep theirs";
}

TEST(RubyWalker, NothingIsReadOfAHeadThatPointsOutside) {
  FakeRuby ruby(newest());
  push_example(ruby);
  Walk run;
  const auto walker = run.open(ruby);
  run.walk(*walker);
  ruby.image.put<std::uint64_t>(ruby.context + 16, ruby.stack - 8);
  EXPECT_EQ(run.walk(*walker), Walked::Failed);
  EXPECT_TRUE(run.ids.empty());
}

TEST(RubyWalker, ARingOfThreadsEnds) {
  for (const Layout& layout : layouts()) {
    FakeRuby ruby(layout);
    const std::uint64_t ractor = ruby.running - layout.ractor.running;
    const std::uint64_t head = layout.ractor.node == kNone ? ruby.vm + layout.vm.threads : ractor + layout.ractor.threads;
    ruby.image.put(ruby.thread, ruby.thread);   // the thread follows itself: the list's head is never met again
    ASSERT_EQ(ruby.image.read_as<std::uint64_t>(head), ruby.thread);
    std::size_t reads = 0;
    ruby.image.on_read = [&](std::uint64_t) { ++reads; };
    EXPECT_EQ(list_threads(*ruby.open()).size(), 1u);
    EXPECT_LT(reads, 100u);
  }
}

TEST(RubyWalker, ARingOfEnvironmentsEnds) {
  FakeRuby ruby(layouts().back());
  const auto block = ruby.iseq("block in work", "/app/b.rb", {{0, 14}});
  const auto ep = ruby.push(FakeRuby::kBlock, block, ruby.pc(block, 0), 0);
  ruby.image.put(ep - 8, ep | 1);               // its outer environment is itself,
  const auto heap = ruby.image.allocate(64) + 32;
  ruby.image.put(heap, FakeRuby::kBlock);
  ruby.image.put(heap - 8, heap | 1);           // and so it is of one that outlived its stack
  ruby.push_with(block, ruby.pc(block, 0), heap);
  Walk run;
  const auto walker = run.open(ruby);
  std::size_t reads = 0;
  ruby.image.on_read = [&](std::uint64_t) { ++reads; };
  EXPECT_EQ(run.walk(*walker), Walked::Whole);
  EXPECT_EQ(run.ids.size(), 2u);
  EXPECT_LT(reads, 1000u);
}

TEST(RubyLayout, RowsByVersion) {
  EXPECT_EQ(find_layout({2, 4, 10}), nullptr);
  EXPECT_EQ(find_layout({3, 1, 2})->since, (Version{3, 1, 0}));
  EXPECT_EQ(find_layout({3, 1, 6})->since, (Version{3, 1, 5}));
  EXPECT_EQ(find_layout({9, 0, 0})->since, newest().since);
  EXPECT_EQ(parse_version("3.1.2"), (Version{3, 1, 2}));
  EXPECT_EQ(parse_version("3.10.25p1"), (Version{3, 10, 25}));
  EXPECT_FALSE(parse_version("ruby"));
  EXPECT_FALSE(parse_version("3."));
}

}  // namespace
}  // namespace sampan::ruby

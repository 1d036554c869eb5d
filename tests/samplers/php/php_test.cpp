#include <gmock/gmock.h>

#include "tests/samplers/php/fake_php.hpp"

namespace sampan::php {
namespace {

using testing::ElementsAre;

struct Walk {
  Profile profile;
  Options options;
  Context context{profile, options, {}};
  std::vector<FrameId> ids;

  std::unique_ptr<PhpWalker> open(FakePhp& php) { return std::make_unique<PhpWalker>(context, php.open(), 77); }
  Walked walk(PhpWalker& walker, pid_t inner = 77) {
    ThreadSnapshot snapshot;
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

class EveryPhp : public testing::TestWithParam<std::size_t> {
 protected:
  const Layout& layout() const { return layouts()[GetParam()]; }
};

void push_example(FakePhp& php) {
  const auto scope = php.klass("App\\Basket");
  php.push(php.user("", 0, "/app/index.php", 1, 50), 7);
  php.push(php.user("", 0, "/app/shop.php", 1, 9), 4);
  php.push(php.user("fill", scope, "/app/shop.php", 20, 40), 33);
  php.push(php.internal("array_map"));
  php.push(php.user("{closure}", scope, "/app/shop.php", 30, 35), 34);
  php.push(php.user("", 0, "/app/shop.php(34) : eval()'d code", 1, 3, 4), 2);
  php.push(php.internal("strlen"));
}

TEST_P(EveryPhp, NamesAndLines) {
  FakePhp php(layout());
  push_example(php);
  Walk run;
  const auto walker = run.open(php);
  for (int i = 0; i < 2; ++i) {   // learnt, then known
    EXPECT_EQ(run.walk(*walker), Walked::Whole);
    EXPECT_THAT(run.names(), ElementsAre("{main}:7", "include:4", "App\\Basket::fill:33", "array_map", "App\\Basket::{closure}:34", "eval:2", "strlen"));
  }
}

TEST_P(EveryPhp, AnIdleWorkerHasNoFrames) {
  FakePhp php(layout());
  Walk run;
  const auto walker = run.open(php);
  EXPECT_EQ(run.walk(*walker), Walked::NoFrames);
  EXPECT_EQ(run.walk(*walker, 78), Walked::NoFrames) << "another thread is none of PHP's";
}

TEST_P(EveryPhp, DelegatingGeneratorsAreUnfolded) {
  FakePhp php(layout());
  php.push(php.user("", 0, "/app/index.php", 1, 50), 7);
  const auto make = [&](std::uint64_t function, std::uint32_t line, std::uint64_t parent) {
    const auto frame = php.image.allocate(128), generator = php.image.allocate(256);
    php.put_frame(frame, function, line, 0);
    php.image.put(generator + layout().generator_frame, frame);
    php.image.put(generator + layout().generator_frame + kGeneratorParent, parent);
    return generator;
  };
  const auto root = make(php.user("inner", 0, "/app/g.php", 1, 9), 3, 0);
  const auto middle = make(php.user("middle", 0, "/app/g.php", 10, 19), 13, root);
  const auto outer = make(php.user("outer", 0, "/app/g.php", 20, 29), 23, middle);
  const auto stand_in = php.push(0);
  php.image.put(stand_in + kFrameThis, outer);
  php.image.put<std::uint32_t>(stand_in + kFrameThisType, 8);
  php.push(php.user("inner", 0, "/app/g.php", 1, 9), 3);
  Walk run;
  const auto walker = run.open(php);
  EXPECT_EQ(run.walk(*walker), Walked::Whole);
  EXPECT_THAT(run.names(), ElementsAre("{main}:7", "outer:23", "middle:13", "inner:3"));
}

// What the thread does after its stop is not part of the sample.
TEST_P(EveryPhp, IsSeenAsItStood) {
  FakePhp php(layout());
  php.push(php.user("", 0, "/app/index.php", 1, 50), 7);
  const auto work = php.user("work", 0, "/app/a.php", 10, 20);
  const auto frame = php.push(work, 12);
  Walk run;
  const auto walker = run.open(php);
  ThreadSnapshot snapshot;
  snapshot.inner_tid = 77;
  walker->observe_stopped(snapshot);
  php.put_frame(frame, work, 13, php.current);
  php.push(php.internal("strlen"));
  EXPECT_EQ(run.walk(*walker), Walked::Whole);
  EXPECT_THAT(run.names(), ElementsAre("{main}:7", "work:12"));
  php.put_frame(frame, work, 13, php.page + 24);
  EXPECT_EQ(run.walk(*walker), Walked::Whole) << "a stop is for one sample";
  EXPECT_THAT(run.names(), ElementsAre("{main}:7", "work:13", "strlen"));
}

// The frame's own opline is behind where the VM's loop is.
TEST_P(EveryPhp, TheLineThatRunsIsTheRegisters) {
  FakePhp php(layout());
  php.push(php.user("", 0, "/app/index.php", 1, 50), 7);
  const auto frame = php.push(php.user("work", 0, "/app/a.php", 10, 20), 12);
  auto opened = php.open();
  opened.loop = {{0x1000, 0x2000}};
  opened.registers = {62, 14, 15};
  Walk run;
  PhpWalker walker(run.context, std::move(opened), 77);
  Registers registers;
  ThreadSnapshot snapshot;
  snapshot.inner_tid = 77;
  snapshot.registers = &registers;
  registers.general[15] = php.opline(15);
  for (const bool in_loop : {true, false}) {
    for (const bool runs_it : {true, false}) {
      registers.pc = in_loop ? 0x1800 : 0x2000;
      registers.general[14] = runs_it ? frame : php.page + 24;
      walker.observe_stopped(snapshot);
      EXPECT_EQ(run.walk(walker), Walked::Whole);
      EXPECT_THAT(run.names(), ElementsAre("{main}:7", in_loop && runs_it ? "work:15" : "work:12"));
    }
  }
}

// What the kernel's walk sends of these calls (outermost first), with and without the hashes of strings.
struct Sent {
  std::vector<std::byte> bytes;
  explicit Sent(std::uint32_t flags = 0) { add(sampan_php_stack{flags, 0}); }

  void call(FakePhp& php, std::uint64_t function, std::uint32_t line = 0, bool hashes = true, std::uint32_t flags = 0) {
    const auto word = [&](std::uint64_t at) { return php.image.read_as<std::uint64_t>(at); };
    const auto hash = [&](std::uint64_t string) { return string && hashes ? word(string + kStringHash) : 0; };
    const auto type = php.image.read_as<std::uint8_t>(function);
    std::uint64_t check = 0;
    for (const std::uint64_t each : {std::uint64_t{type}, word(function + 8), word(function + 16), hash(word(function + 8))}) check = sampan_php_check(check, each);
    if (type != SAMPAN_PHP_INTERNAL) {
      const std::uint64_t file = word(function + php.layout.filename);
      for (const std::uint64_t each : {file, word(function + php.layout.filename + 8u), hash(file)}) check = sampan_php_check(check, each);
    }
    add(sampan_php_frame{function, check, line, flags});
    auto head = read_at<sampan_php_stack>(bytes, 0);
    ++head.frames;
    std::memcpy(bytes.data(), &head, sizeof head);
  }

 private:
  template <typename T>
  void add(const T& value) {
    const Bytes all = std::as_bytes(std::span(&value, 1));
    bytes.insert(bytes.end(), all.begin(), all.end());
  }
};

Walked walk_sent(Walk& run, PhpWalker& walker, const Sent& sent) {
  ThreadSnapshot snapshot;
  snapshot.inner_tid = 77;
  snapshot.interpreter = sent.bytes;
  snapshot.deferred = true;
  run.ids.clear();
  return walker.walk(snapshot, run.ids);
}

TEST_P(EveryPhp, TakesWhatTheKernelSent) {
  FakePhp php(layout());
  Walk run;
  const auto walker = run.open(php);
  ASSERT_TRUE(walker->kernel_walk());
  const auto scope = php.klass("App\\Basket");
  const auto main = php.user("", 0, "/app/index.php", 1, 50), fill = php.user("fill", scope, "/app/shop.php", 20, 40);
  const auto outer = php.user("outer", 0, "/app/g.php", 1, 9), inner = php.user("inner", 0, "/app/g.php", 11, 19);
  for (const bool hashes : {true, false}) {
    Sent sent;   // innermost first, but for generators that delegate
    sent.call(php, php.internal("strlen"), 0, hashes);
    sent.call(php, outer, 3, hashes, SAMPAN_PHP_DELEGATES);
    sent.call(php, inner, 13, hashes, SAMPAN_PHP_DELEGATES);
    sent.call(php, fill, 41, hashes);   // a line outside
    sent.call(php, main, 7, hashes);
    EXPECT_EQ(walk_sent(run, *walker, sent), Walked::Whole);
    EXPECT_THAT(run.names(), ElementsAre("{main}:7", "App\\Basket::fill:0", "outer:3", "inner:13", "strlen"));
  }
}

TEST_P(EveryPhp, AFunctionThatWasFreedSinceIsNoOther) {
  FakePhp php(layout());
  Walk run;
  const auto walker = run.open(php);
  ASSERT_TRUE(walker->kernel_walk());
  const auto function = php.user("before", 0, "/app/a.php", 1, 9);
  Sent sent;
  sent.call(php, function, 3);
  php.make_user(function, "after", 0, "/app/a.php", 1, 9);
  EXPECT_EQ(walk_sent(run, *walker, sent), Walked::Whole);
  EXPECT_THAT(run.names(), ElementsAre("[function freed since]"));
  EXPECT_EQ(run.context.unresolved, 1u);
  // Met while it was there, it keeps its name.
  Sent later;
  later.call(php, function, 4);
  walk_sent(run, *walker, later);
  php.make_user(function, "third", 0, "/app/a.php", 1, 9);
  walk_sent(run, *walker, later);
  EXPECT_THAT(run.names(), ElementsAre("after:4"));
}

TEST(PhpWalker, OfAStackTornInTheKernelNothingIsShown) {
  FakePhp php(layouts().back());
  Walk run;
  const auto walker = run.open(php);
  ASSERT_TRUE(walker->kernel_walk());
  const auto function = php.user("work", 0, "/app/a.php", 1, 9);
  Sent torn(SAMPAN_PHP_TORN), cut(SAMPAN_PHP_CUT), deep;
  torn.call(php, function, 3);
  EXPECT_EQ(walk_sent(run, *walker, torn), Walked::Failed);
  cut.call(php, function, 3);
  EXPECT_EQ(walk_sent(run, *walker, cut), Walked::Truncated);
  EXPECT_THAT(run.names(), ElementsAre("[truncated]", "work:3"));
  for (int i = 0; i < SAMPAN_PHP_MOST_FRAMES + 1; ++i) deep.call(php, function, 3);
  EXPECT_EQ(walk_sent(run, *walker, deep), Walked::Truncated);
  EXPECT_EQ(run.ids.size(), SAMPAN_PHP_MOST_FRAMES + 1u);
  EXPECT_EQ(run.names()[SAMPAN_PHP_HALF], "[truncated]");
  deep.bytes.resize(deep.bytes.size() / 3);
  EXPECT_EQ(walk_sent(run, *walker, deep), Walked::Failed);
  EXPECT_EQ(walk_sent(run, *walker, Sent()), Walked::NoFrames);
  php.push(function, 4);
  Registers registers;
  ThreadSnapshot sleeping;
  sleeping.inner_tid = 77;
  sleeping.registers = &registers;
  run.ids.clear();
  EXPECT_EQ(walker->walk(sleeping, run.ids), Walked::Whole) << "one that slept before is read";
  EXPECT_THAT(run.names(), ElementsAre("work:4"));
}

INSTANTIATE_TEST_SUITE_P(Php, EveryPhp, testing::Range(std::size_t{0}, layouts().size()), [](const auto& row) {
  std::string name = layouts()[row.param].release;
  name[1] = '_';
  return "V" + name;
});

const Layout& newest() { return layouts().back(); }

// The next request's function lies where the last one's lay.
TEST(PhpWalker, AFunctionThatTookAnothersPlaceIsItself) {
  FakePhp php(newest());
  const auto function = php.user("before", 0, "/app/a.php", 1, 9);
  php.push(php.user("", 0, "/app/index.php", 1, 50), 7);
  php.push(function, 3);
  Walk run;
  const auto walker = run.open(php);
  run.walk(*walker);
  php.make_user(function, "after", 0, "/app/a.php", 1, 9);
  run.walk(*walker);
  EXPECT_THAT(run.names(), ElementsAre("{main}:7", "after:3"));
  // The same addresses and lines, but other text in the name's string.
  const auto name = php.image.read_as<std::uint64_t>(function + kFunctionName);
  php.image.put<std::uint64_t>(name + kStringHash, 1);
  php.image.put_text(name + kStringText, "later");
  run.walk(*walker);
  EXPECT_THAT(run.names(), ElementsAre("{main}:7", "later:3"));
}

TEST(PhpWalker, ALineOutsideItsFunctionIsNotShown) {
  FakePhp php(newest());
  php.push(php.user("", 0, "/app/index.php", 1, 50), 7);
  php.push(php.user("work", 0, "/app/a.php", 10, 20), 21);
  Walk run;
  const auto walker = run.open(php);
  run.walk(*walker);
  EXPECT_THAT(run.names(), ElementsAre("{main}:7", "work:0"));
}

TEST(PhpWalker, ABrokenChainIsTruncated) {
  FakePhp php(newest());
  push_example(php);
  php.image.put<std::uint64_t>(php.page + 24 + kFramePrevious, 0x7777777777);   // below {main}: nothing
  Walk run;
  const auto walker = run.open(php);
  EXPECT_EQ(run.walk(*walker), Walked::Truncated);
  EXPECT_EQ(run.names().front(), "[truncated]");
  EXPECT_EQ(run.names().size(), 8u);
}

TEST(PhpWalker, ARingOfFramesEnds) {
  FakePhp php(newest());
  const auto first = php.push(php.user("a", 0, "/app/a.php", 1, 9), 3);
  php.push(php.user("b", 0, "/app/a.php", 11, 19), 13);
  php.image.put(first + kFramePrevious, php.current);
  Walk run;
  const auto walker = run.open(php);
  EXPECT_EQ(run.walk(*walker), Walked::Truncated);
}

TEST(PhpWalker, FramesElsewhereAreReadToo) {
  FakePhp php(newest());
  php.push(php.user("", 0, "/app/index.php", 1, 50), 7);
  const auto frame = php.image.allocate(128);   // a generator's, in the heap
  php.put_frame(frame, php.user("numbers", 0, "/app/g.php", 1, 9), 4, php.current);
  php.current = frame;
  php.set_head();
  Walk run;
  const auto walker = run.open(php);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(run.walk(*walker), Walked::Whole);
    EXPECT_THAT(run.names(), ElementsAre("{main}:7", "numbers:4"));
  }
}

TEST(PhpThreads, EachHasGlobalsOfItsOwn) {
  Image image;
  FakeThreads threads(image);
  const auto main = threads.add(0, 77), second = threads.add(2, 78), third = threads.add(2, 79);
  Php php{image, newest(), true, 256, 0, {image.allocate(8), threads.variable}};
  PthreadIds pthreads;
  const std::map<pid_t, std::uint64_t> globals{{77, main + 256}, {78, second + 256}, {79, third + 256}};
  EXPECT_EQ(list_globals(php, pthreads, 77), globals);
  EXPECT_EQ(php.table, threads.variable);
}

TEST(PhpThreads, AreFoundByGlibcsDescriptorsOfArm64) {
  Image image;
  FakeThreads threads(image);
  const auto main = threads.add(0, 77, true), second = threads.add(2, 78, true);
  Php php{image, newest(), true, 256, 0, {threads.variable}};
  PthreadIds pthreads;
  const std::map<pid_t, std::uint64_t> globals{{77, main + 256}, {78, second + 256}};
  EXPECT_EQ(list_globals(php, pthreads, 77), globals);
}

TEST(PhpThreads, ARingOfThemEnds) {
  Image image;
  FakeThreads threads(image);
  const auto main = threads.add(1, 77);
  image.put(main + 24, main);
  Php php{image, newest(), true, 256, 0, {threads.variable}};
  PthreadIds pthreads;
  std::size_t reads = 0;
  image.on_read = [&](std::uint64_t) { ++reads; };
  EXPECT_EQ(list_globals(php, pthreads, 77).size(), 1u);
  EXPECT_LT(reads, 100u);
}

TEST(PhpLayout, RowsByApi) {
  EXPECT_EQ(find_layout(20131226), nullptr);   // 5.6
  EXPECT_STREQ(find_layout(20220829)->release, "8.2");
  EXPECT_STREQ(find_layout(20990101)->release, newest().release);
}

}  // namespace
}  // namespace sampan::php

// The walks in the kernel on recorded memory: what they send is what the walker reads there by itself.
#include <gmock/gmock.h>

#include "samplers/kernel/record.h"
#include "tests/samplers/php/fake_php.hpp"
#include "tests/samplers/ruby/fake_ruby.hpp"

namespace {
sampan::Image* memory = nullptr;   // of the target that is walked
}

extern "C" {
long kernel_read_user(void* into, std::uint32_t size, std::uint64_t address) {
  return memory->read(address, {static_cast<std::byte*>(into), size}) ? 0 : -14;
}
std::uint32_t php_walk(const void* given, std::uint32_t tgid, std::uint32_t tid, const sampan_registers* registers, const void** sent);
std::uint32_t ruby_walk(const void* given, std::uint32_t tgid, std::uint32_t tid, const sampan_registers* registers, const void** sent);
}

namespace sampan {
namespace {

using WalkInKernel = decltype(&php_walk);

// One walker's frames, once by itself and once by what the kernel sent.
class Both {
 public:
  explicit Both(WalkInKernel walk) : walk_(walk) {}
  Profile profile;
  Options options;
  Context context{profile, options, {}};

  // By itself, before kernel_walk().
  std::vector<std::string> read(Walker& walker, pid_t tid = 77) {
    ThreadSnapshot snapshot;
    snapshot.inner_tid = tid;
    return names(walker, snapshot);
  }
  std::vector<std::string> sent(Walker& walker, Image& image, const sampan_registers& registers, pid_t tid = 77) {
    const auto given = walker.kernel_walk();
    EXPECT_TRUE(given);
    if (!given) return {};
    memory = &image;
    const void* bytes = nullptr;
    const std::uint32_t size = walk_(given->layout.data(), 77, static_cast<std::uint32_t>(tid), &registers, &bytes);
    ThreadSnapshot snapshot;
    snapshot.inner_tid = tid;
    snapshot.deferred = true;
    snapshot.interpreter = Bytes(static_cast<const std::byte*>(bytes), size);
    return names(walker, snapshot);
  }
  Walked walked = Walked::Failed;   // the last time

 private:
  std::vector<std::string> names(Walker& walker, const ThreadSnapshot& snapshot) {
    std::vector<FrameId> ids;
    walked = walker.walk(snapshot, ids);
    std::vector<std::string> out;
    for (const FrameId id : ids) out.push_back(std::string(profile.frame(id).name) + ":" + std::to_string(profile.frame(id).line));
    return out;
  }
  WalkInKernel walk_;
};

class PhpInKernel : public testing::TestWithParam<std::size_t> {
 protected:
  const php::Layout& layout() const { return php::layouts()[GetParam()]; }
};

void push_php(php::FakePhp& php) {
  const auto scope = php.klass("App\\Basket");
  php.push(php.user("", 0, "/app/index.php", 1, 50), 7);
  php.push(php.user("fill", scope, "/app/shop.php", 20, 40), 33);
  const auto generator = [&](const char* name, std::uint32_t line, std::uint64_t parent) {
    const auto at = php.image.allocate(256), frame = php.image.allocate(128);
    php.put_frame(frame, php.user(name, 0, "/app/g.php", 1, 9), line, 0);
    php.image.put(at + php.layout.generator_frame, frame);
    php.image.put(at + php.layout.generator_frame + php::kGeneratorParent, parent);
    return at;
  };
  const auto running = generator("running", 4, 0), middle = generator("middle", 5, running), outer = generator("outer", 6, middle);
  const auto stand_in = php.push(0);
  php.image.put(stand_in + php::kFrameThis, outer);
  php.image.put<std::uint32_t>(stand_in + php::kFrameThisType, 8);
  php.push(php.user("running", 0, "/app/g.php", 1, 9), 4);
  php.push(php.internal("array_map"));
}

TEST_P(PhpInKernel, SendsWhatIsThere) {
  php::FakePhp php(layout());
  push_php(php);
  Both both(php_walk);
  php::PhpWalker walker(both.context, php.open(), 77);
  const auto read = both.read(walker);
  EXPECT_THAT(read, testing::ElementsAre("{main}:7", "App\\Basket::fill:33", "outer:6", "middle:5", "running:4", "array_map:0"));
  EXPECT_EQ(both.sent(walker, php.image, {}), read);
  EXPECT_EQ(both.walked, Walked::Whole);
  EXPECT_TRUE(both.sent(walker, php.image, {}, 78).empty()) << "another thread is none of PHP's";
  EXPECT_EQ(both.walked, Walked::NoFrames);
}

TEST_P(PhpInKernel, TheLineThatRunsIsTheRegisters) {
  php::FakePhp php(layout());
  php.push(php.user("", 0, "/app/index.php", 1, 50), 7);
  const auto frame = php.push(php.user("work", 0, "/app/a.php", 10, 20), 12);
  auto opened = php.open();
  opened.loop = {{0x1000, 0x2000}, {0x9000, 0x9100}};
  opened.registers = {62, 14, 15};
  Both both(php_walk);
  php::PhpWalker walker(both.context, std::move(opened), 77);
  sampan_registers registers{};
  registers.general[14] = frame;
  registers.general[15] = php.opline(15);
  for (const auto& [pc, line] : {std::pair{0x1800, ":15"}, {0x9000, ":15"}, {0x2000, ":12"}}) {
    registers.pc = static_cast<std::uint64_t>(pc);
    EXPECT_EQ(both.sent(walker, php.image, registers).back(), std::string("work") + line);
  }
  registers.pc = 0x1800;
  registers.general[14] = php.page + 24;   // the loop runs the caller still
  EXPECT_THAT(both.sent(walker, php.image, registers), testing::ElementsAre("{main}:7", "work:12"));
}

TEST_P(PhpInKernel, EachThreadHasGlobalsOfItsOwn) {
  php::FakePhp php(layout());
  push_php(php);
  php::FakeThreads threads(php.image);
  threads.add(0, 77);
  const auto entry = threads.add(2, 78);
  threads.add(2, 79);                       // ahead of it in its slot
  auto opened = php.open();
  opened.thread_safe = true;
  opened.globals = php.globals - entry;     // its globals are those built above
  opened.variables = {threads.variable};
  opened.descriptor = 0;
  Both both(php_walk);
  php::PhpWalker walker(both.context, std::move(opened), 77);
  sampan_registers registers{};
  registers.thread_pointer = php.image.read_as<std::uint64_t>(entry + 16);
  EXPECT_THAT(both.sent(walker, php.image, registers, 78), testing::ElementsAre("{main}:7", "App\\Basket::fill:33", "outer:6", "middle:5", "running:4", "array_map:0"));
  registers.thread_pointer = 0x7777;        // none of PHP's
  EXPECT_TRUE(both.sent(walker, php.image, registers, 80).empty());
}

TEST(PhpInKernelToo, ARingOfFramesEnds) {
  php::FakePhp php(php::layouts().back());
  const auto first = php.push(php.user("a", 0, "/app/a.php", 1, 9), 3);
  php.push(php.user("b", 0, "/app/a.php", 11, 19), 13);
  php.image.put(first + php::kFramePrevious, php.current);
  Both both(php_walk);
  php::PhpWalker walker(both.context, php.open(), 77);
  both.sent(walker, php.image, {});
  EXPECT_EQ(both.walked, Walked::Truncated);
  php.image.put<std::uint64_t>(first + php::kFramePrevious, 0x7777777778);   // nothing there
  both.sent(walker, php.image, {});
  EXPECT_EQ(both.walked, Walked::Failed);
}

INSTANTIATE_TEST_SUITE_P(Php, PhpInKernel, testing::Range(std::size_t{0}, php::layouts().size()));

class RubyInKernel : public testing::TestWithParam<std::size_t> {
 protected:
  const ruby::Layout& layout() const { return ruby::layouts()[GetParam()]; }
};

// Blocks by their method's entry, one of them by an environment in the heap.
void push_ruby(ruby::FakeRuby& ruby) {
  using Fake = ruby::FakeRuby;
  const auto work = ruby.iseq("work", "/app/b.rb", {{0, 10}, {4, 11}}), block = ruby.iseq("block in work", "/app/b.rb", {{0, 14}}, work);
  const auto me = ruby.method(ruby.klass("A::B"), "work", work);
  ruby.push(Fake::kDummy | Fake::kLocal, 0, 0, 0);
  const auto ep = ruby.push(Fake::kMethod | Fake::kLocal, work, ruby.pc(work, 5), me);
  ruby.push(Fake::kCfunc | Fake::kLocal, 0, 0, ruby.method(ruby.klass("Array"), "each", 0));
  ruby.push(Fake::kBlock, block, ruby.pc(block, 2), 0, ep);
  const auto heap = ruby.image.allocate(64);
  ruby.image.put(heap + 8, ep | 1);
  ruby.image.put(heap + 16, Fake::kBlock);
  ruby.push_with(block, ruby.pc(block, 2), heap + 16);
}

TEST_P(RubyInKernel, SendsWhatIsThere) {
  ruby::FakeRuby ruby(layout());
  push_ruby(ruby);
  for (const bool collects : {false, true}) {   // then it holds the lock, by which it is met at once
    if (collects) ruby.collect_garbage();
    Both both(ruby_walk);
    auto vm = ruby.open();
    vm->descriptor = 0;
    ruby::RubyWalker walker(both.context, std::move(vm), 77);
    const auto read = both.read(walker);
    ASSERT_THAT(read, testing::SizeIs(collects ? 5 : 4));
    EXPECT_EQ(read[3], "block in A::B#work:14");
    sampan_registers registers{};
    registers.thread_pointer = ruby.descriptor;
    EXPECT_EQ(both.sent(walker, ruby.image, registers), read);
    EXPECT_EQ(both.walked, Walked::Whole);
    registers.thread_pointer = ruby.descriptor + 8;   // another thread
    EXPECT_TRUE(both.sent(walker, ruby.image, registers, 78).empty());
    EXPECT_EQ(both.walked, Walked::NoFrames);
  }
}

TEST_P(RubyInKernel, ATornStackIsNotFollowed) {
  ruby::FakeRuby ruby(layout());
  push_ruby(ruby);
  Both both(ruby_walk);
  auto vm = ruby.open();
  vm->descriptor = 0;
  ruby::RubyWalker walker(both.context, std::move(vm), 77);
  sampan_registers registers{};
  registers.thread_pointer = ruby.descriptor;
  ruby.image.put(ruby.context + 16, ruby.stack - 8);   // its control frame lies outside
  both.sent(walker, ruby.image, registers);
  EXPECT_EQ(both.walked, Walked::Failed);
}

INSTANTIATE_TEST_SUITE_P(Ruby, RubyInKernel, testing::Range(std::size_t{0}, ruby::layouts().size()));

}  // namespace
}  // namespace sampan

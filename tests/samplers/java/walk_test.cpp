#include "samplers/java/walk.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "samplers/base/clock.hpp"
#include "tests/samplers/java/fake_vm.hpp"

namespace sampan::java {
namespace {

constexpr std::uint64_t kStack = 0x7ffd00000000;

class WalkTest : public testing::Test {
 protected:
  FakeVm fake;
  Profile profile;
  Options options;
  Context context{profile, options, {}};
  Process process;
  std::vector<std::uint64_t> stack = std::vector<std::uint64_t>(256);
  Registers registers;
  std::uint64_t interpreter = 0, stubs = 0, outer = 0, inner = 0;   // blobs
  std::uint64_t main_method = 0, outer_method = 0, inner_method = 0;

  WalkTest() {
    process.id.pid = getpid();
    process.memory = std::make_unique<LiveMemory>(getpid());
    main_method = fake.add_method("Main", "main", "Main.java", {0xff, 0, 20, 0});
    outer_method = fake.add_method("Main", "outer", "Main.java", {0xff, 0, 60, 0});
    inner_method = fake.add_method("Main", "inner", "Main.java", {0xff, 0, 80, 0});
    interpreter = fake.add_block(8, 8);
    fake.put_blob(interpreter, "Interpreter", 1000, 0);
    stubs = fake.add_block(20, 8);
    fake.put_blob(stubs, "StubRoutines (1)", 1000, 0);
    outer = add_compiled(40, outer_method, 11);
    inner = add_compiled(60, inner_method, 12);
    fake.layout.wrapper_anchor = 0x20;
    fake.layout.call_stub_return = 0x9000;
    fake.memory.put_value<std::uint64_t>(0x9000, stubs + 200);
    registers.sp = kStack;
  }

  // A compiled method with a frame of six words that calls at code + 40, inlining nothing.
  std::uint64_t add_compiled(std::size_t segment, std::uint64_t method, std::uint32_t id) {
    const std::uint64_t start = fake.add_block(segment, 8);
    fake.put_blob(start, "nmethod", 900, 6, id, method);
    const std::vector<std::int32_t> descs = {40, 4, 0, 0, 200, 4, 0, 0, 0x7fffffff, 0, 0, 0};
    fake.memory.put(start + 400, std::as_bytes(std::span(descs)));
    std::vector<std::byte> scope(32);
    scope[4] = std::byte{0}, scope[5] = std::byte{1}, scope[6] = std::byte{1};   // no sender, method 1, bci 0
    fake.memory.put(start + 500, scope);
    fake.put(start + 600, {method});
    fake.memory.put(start + 96, std::vector<std::byte>(300, std::byte{0x90}));   // nops
    return start;
  }

  std::uint64_t address(std::size_t word) const { return kStack + word * 8; }

  // inner ← outer ← Main.main (interpreted) ← the call stub, whose wrapper holds no earlier Java frame.
  void put_stack() {
    registers.pc = inner + 96 + 60;
    stack[5] = outer + 96 + 40;                       // inner's frame: words 0–5
    stack[11] = interpreter + 300;                    // outer's frame: words 6–11
    stack[10] = address(20);                          // main's frame pointer
    stack[20] = address(40);                          // main: saved frame pointer, return address
    stack[21] = stubs + 200;
    stack[19] = address(22);                          // sender's sp
    stack[17] = main_method;
    stack[40 - 6] = address(50);                      // the call stub's wrapper; its anchor is all zero
  }

  Walked walk(std::vector<std::string>& names) {
    Vm vm(fake.memory, fake.layout, profile, true);
    vm.refresh();
    fake.memory.put(kStack, std::as_bytes(std::span(stack)));
    NativeStack native(process, context);
    Walk walker(vm, native, context);
    ThreadSnapshot snapshot;
    snapshot.registers = &registers;
    snapshot.stack = std::as_bytes(std::span(stack));
    snapshot.taken_at = now_ns() + 3'600'000'000'000;   // never late, however busy the machine is: nothing changes here
    std::vector<FrameId> frames;
    const Walked walked = walker.run(snapshot, frames);
    names.clear();
    for (const FrameId id : frames) names.emplace_back(profile.frame(id).name);
    return walked;
  }
};

using Names = std::vector<std::string>;

TEST_F(WalkTest, CompiledInterpretedAndEntryFrames) {
  put_stack();
  Names names;
  EXPECT_EQ(walk(names), Walked::Whole);
  EXPECT_EQ(names, (Names{"Main.main", "Main.outer", "Main.inner"}));
}

TEST_F(WalkTest, ADeoptimisedFrameIsNamedByItsOwnReturnAddress) {
  put_stack();
  std::vector<std::uint64_t> header(16);
  fake.memory.read(outer, std::as_writable_bytes(std::span(header)));
  header[5] |= std::uint64_t{16} << 32;               // the original pc is two words above sp
  header[7] = outer + 800;                            // the deoptimisation handler
  fake.put(outer, header);
  stack[5] = outer + 800;
  stack[6 + 2] = outer + 96 + 40;
  Names names;
  EXPECT_EQ(walk(names), Walked::Whole);
  EXPECT_EQ(names, (Names{"Main.main", "Main.outer", "Main.inner"}));
}

// C1's stub with nothing of its own on the stack but what its caller handed over: two words.
TEST_F(WalkTest, ASubtypeCheckLeavesItsTwoArguments) {
  const std::uint64_t check = fake.add_block(80, 8);
  fake.put_blob(check, "C1 Runtime slow_subtype_check_blob", 900, 0);
  std::vector<std::byte> code(900 - 96, std::byte{0x90});
  code[20] = std::byte{0xc3};
  fake.memory.put(check + 96, code);
  put_stack();
  std::copy_backward(stack.begin(), stack.end() - 3, stack.end());
  for (const std::size_t word : {10u, 20u, 19u, 34u}) stack[word + 3] += 3 * 8;
  registers.pc = check + 96;
  stack[0] = inner + 96 + 40;
  Names names;
  EXPECT_EQ(walk(names), Walked::Whole);
  EXPECT_EQ(names, (Names{"Main.main", "Main.outer", "Main.inner", "C1 Runtime slow_subtype_check_blob"}));
}

// From compiled to interpreted code: the return address is in rax and r13 holds the sender's sp, then it is put back.
TEST_F(WalkTest, AnAdapterMovesTheReturnAddress) {
  const std::uint64_t adapter = fake.add_block(80, 8);
  fake.put_blob(adapter, "I2C/C2I adapters", 900, 0);
  constexpr std::size_t kRoom = 5;                    // words for the arguments and the return address
  for (const bool stored : {false, true}) {
    put_stack();
    std::copy_backward(stack.begin(), stack.end() - kRoom, stack.end());
    for (const std::size_t word : {10u, 20u, 19u, 34u}) stack[word + kRoom] += kRoom * 8;
    registers.pc = adapter + 96 + 20;
    registers.general[13] = address(kRoom);
    registers.general[0] = stored ? 0 : inner + 96 + 40;
    stack[0] = stored ? inner + 96 + 40 : 0;
    Names names;
    EXPECT_EQ(walk(names), Walked::Whole) << stored;
    EXPECT_EQ(names, (Names{"Main.main", "Main.outer", "Main.inner", "I2C/C2I adapters"}));
  }
}

// A word that is left over from an earlier call is no return address where what it leads to has none.
TEST_F(WalkTest, ALeftoverIsNotTaken) {
  const std::uint64_t stub = fake.add_block(80, 8);
  fake.put_blob(stub, "itable stub", 900, 0);
  put_stack();
  std::copy_backward(stack.begin(), stack.end() - 3, stack.end());
  for (const std::size_t word : {10u, 20u, 19u, 34u}) stack[word + 3] += 3 * 8;
  registers.pc = stub + 96;
  stack[0] = 0;
  stack[1] = outer + 96 + 40;                         // left over: six words on there is no return address
  stack[2] = inner + 96 + 40;
  Names names;
  EXPECT_EQ(walk(names), Walked::Whole);
  EXPECT_EQ(names, (Names{"Main.main", "Main.outer", "Main.inner", "itable stub"}));
}

// A stub that compiled code calls without a record: the call itself tells that it was called from there.
TEST_F(WalkTest, ALeafStubIsKnownByTheCall) {
  put_stack();
  std::copy_backward(stack.begin(), stack.end() - 8, stack.end());
  for (const std::size_t word : {10u, 20u, 19u, 34u}) stack[word + 8] += 8 * 8;
  const std::uint64_t after = inner + 96 + 105;       // no call is recorded there
  const auto distance = static_cast<std::int32_t>(stubs + 96 + 64 - after);
  std::vector<std::byte> code(300, std::byte{0x90});
  code[100] = std::byte{0xe8};
  std::memcpy(&code[101], &distance, 4);
  fake.memory.put(inner + 96, code);
  fake.memory.put(stubs + 96, std::array{std::byte{0xff}, std::byte{0xe0}});   // cannot be followed: a jump by a register
  registers.pc = stubs + 96;
  registers.fp = address(6);
  stack[6] = 0, stack[7] = after;
  for (const bool called : {true, false}) {
    if (!called) fake.memory.put(inner + 96, std::vector<std::byte>(300, std::byte{0x90}));
    Names names;
    EXPECT_EQ(walk(names), called ? Walked::Whole : Walked::Truncated);
    EXPECT_EQ(names.size(), called ? 4u : 2u);
  }
}

TEST_F(WalkTest, ACallerThatNeverCalledEndsTheWalk) {
  put_stack();
  stack[5] = outer + 96 + 44;                         // no call is recorded there
  Names names;
  EXPECT_EQ(walk(names), Walked::Truncated);
  EXPECT_EQ(names, (Names{"[truncated]", "Main.inner"}));
}

TEST_F(WalkTest, AStackThatLeadsNowhereIsTruncated) {
  put_stack();
  stack[5] = 0x1234;
  Names names;
  EXPECT_EQ(walk(names), Walked::Truncated);
  EXPECT_EQ(names.front(), "[truncated]");
  put_stack();
  stack[40 - 6] = 0;                                  // no wrapper
  EXPECT_EQ(walk(names), Walked::Truncated);
  EXPECT_EQ(names, (Names{"[truncated]", "Main.main", "Main.outer", "Main.inner"}));
}

TEST_F(WalkTest, FramesThatPointDownwardsEnd) {
  put_stack();
  stack[19] = address(3);                             // main's sender would lie below it
  Names names;
  EXPECT_EQ(walk(names), Walked::Truncated);
}

TEST_F(WalkTest, WithoutRegistersAThreadThatIsNotJavasHasNoFrames) {
  Vm vm(fake.memory, fake.layout, profile, true);
  NativeStack native(process, context);
  Walk walker(vm, native, context);
  std::vector<FrameId> frames;
  EXPECT_EQ(walker.run({}, frames), Walked::NoFrames);
  EXPECT_TRUE(frames.empty());
}

}  // namespace
}  // namespace sampan::java

#include "samplers/node/walk.hpp"

#include <gtest/gtest.h>

#include <array>

#include "samplers/base/clock.hpp"
#include "tests/samplers/node/fake_v8.hpp"

namespace sampan::node {
namespace {

constexpr std::uint64_t kStack = 0x7ffd00000000;

class NodeWalkTest : public testing::Test {
 protected:
  FakeV8 v8;
  Profile profile;
  Options options;
  Context context{profile, options, {}};
  Process process;
  Builtins builtins;
  std::vector<std::uint64_t> stack = std::vector<std::uint64_t>(128);
  Registers registers;
  std::uint64_t script = v8.script(v8.string("/app/a.js"), v8.string("one\ntwo\nthree\nfour\n"), 7);
  std::uint64_t outer_code = bytecodes({{0, 0, -1}, {10, 5, -1}}), inner_code = bytecodes({{0, 9, -1}, {10, 15, -1}});
  std::uint64_t outer = v8.shared(v8.scope(v8.string("outer"), 0, 0), script, outer_code);
  std::uint64_t inner = v8.shared(v8.scope(v8.string("inner"), 0, 8), script, inner_code);

  NodeWalkTest() {
    process.id.pid = getpid();
    process.memory = std::make_unique<LiveMemory>(getpid());
  }

  std::uint64_t bytecodes(const std::vector<std::array<std::int64_t, 3>>& positions) {
    return v8.bytecodes(std::vector<std::uint8_t>(20, 12), position_table(positions));
  }
  std::uint64_t address(std::size_t word) const { return kStack + word * 8; }

  // A JavaScript frame whose frame pointer is word `fp`: it returns to `pc`, where the frame pointer was `caller` words up.
  void put_frame(std::size_t fp, std::uint64_t pc, std::size_t caller, std::uint64_t shared, std::uint64_t code, std::int32_t offset) {
    stack[fp + 1] = pc;
    stack[fp] = address(caller);
    stack[fp - 1] = v8.script_map;                     // the context: any object
    stack[fp - 2] = v8.function(shared);
    stack[fp - 4] = code;
    stack[fp - 5] = FakeV8::smi(offset + v8.layout.row.bytecode_data - 1);
  }

  std::vector<std::string> walk() {
    NativeStack native(process, context);
    Walk walk(v8.layout, builtins, *process.memory, native, context);
    return walk_by(walk);
  }
  std::vector<std::string> walk_by(Walk& walk) {
    registers.sp = registers.sp ? registers.sp : kStack;
    ThreadSnapshot thread;
    thread.registers = &registers;
    thread.deferred = taken_at != 0;
    thread.taken_at = taken_at;
    const std::size_t skip = (registers.sp - kStack) / 8;
    thread.stack = std::as_bytes(std::span(stack)).subspan(skip * 8);
    std::vector<FrameId> frames;
    result = walk.run(thread, frames);
    std::vector<std::string> names;
    for (const FrameId id : frames) {
      const Frame& frame = profile.frame(id);
      names.push_back(std::string(frame.name) + (frame.line ? ":" + std::to_string(frame.line) : ""));
    }
    return names;
  }
  Walked result = Walked::Failed;
  std::uint64_t taken_at = 0;                          // ns: when the sample that waits in a buffer was taken
};

TEST_F(NodeWalkTest, BaselineCallsOptimisedWithAnInlinedCallee) {
  // outer, baseline code of 100 bytes: a prologue of 20, ten bytes a bytecode.
  std::vector<std::uint8_t> offsets;
  for (int i = 0; i < 9; ++i) vlq(offsets, i == 0 ? 20 : 10);
  const std::uint64_t baseline = v8.stream(100, 10, outer_code, v8.bytes(offsets));
  // middle, optimised, with inner inlined at its offset 4 (line 2), by the table of positions alone.
  const std::uint64_t middle = v8.shared(v8.scope(v8.string("middle"), 0, 4), script, bytecodes({}));
  std::vector<std::uint8_t> inlining(16);
  const std::uint64_t call = (4 + 1) << 1;
  std::memcpy(inlining.data(), &call, 8);
  const std::uint64_t literals = v8.array({inner | 2});   // weakly held
  const std::uint64_t deopt = v8.array({v8.bytes({0}), FakeV8::smi(1), literals, 0, 0, FakeV8::smi(5), middle, v8.bytes(inlining)});
  const std::uint64_t optimised = v8.stream(200, 12, deopt, v8.bytes(position_table({{0, 4, -1}, {50, 15, 0}})));
  put_frame(10, baseline + 45, 30, middle, 0, 0);
  put_frame(30, 0, 40, outer, outer_code, 0);
  registers.pc = optimised + 60;
  registers.fp = address(10);
  EXPECT_EQ(walk(), (std::vector<std::string>{"[truncated]", "outer:1", "middle:2", "inner:4"}));
}

TEST_F(NodeWalkTest, APrologueHasNoFrameYet) {
  const std::uint64_t deopt = v8.array({v8.bytes({0}), FakeV8::smi(0), v8.array({}), 0, 0, FakeV8::smi(5), inner, v8.bytes({})});
  const std::uint64_t optimised = v8.stream(200, 12, deopt, v8.bytes(position_table({{0, 9, -1}})));
  std::vector<std::uint8_t> offsets;
  for (int i = 0; i < 9; ++i) vlq(offsets, 10);
  const std::uint64_t baseline = v8.stream(100, 10, outer_code, v8.bytes(offsets));
  put_frame(30, 0, 40, outer, outer_code, 0);
  stack[0] = baseline + 45;                            // the return address
  registers.pc = optimised;
  registers.fp = address(30);
  EXPECT_EQ(walk(), (std::vector<std::string>{"[truncated]", "outer:1", "inner:3"}));
  stack[0] = address(30), stack[1] = baseline + 45;    // rbp has been pushed
  registers.pc = optimised + 1;
  EXPECT_EQ(walk(), (std::vector<std::string>{"[truncated]", "outer:1", "inner:3"}));
}

// On arm64 the return address is in a register until the frame stands, and again behind its end.
TEST_F(NodeWalkTest, ALinkRegisterTellsTheCallerOfCodeWithoutAFrame) {
  constexpr std::uint32_t kPush = 0xa9bf7bfd, kFrame = 0x910003fd, kNop = 0xd503201f, kUnframe = 0x910003bf, kPop = 0xa8c17bfd, kRet = 0xd65f03c0, kCall = 0x94000001;
  v8.layout.processor = &kArm64Processor;
  const std::uint64_t deopt = v8.array({v8.bytes({0}), FakeV8::smi(0), v8.array({}), 0, 0, FakeV8::smi(5), inner, v8.bytes({})});
  const std::uint64_t optimised = v8.stream(200, 12, deopt, v8.bytes(position_table({{0, 9, -1}})));
  unsigned at = 0;
  for (const std::uint32_t word : {kNop, kPush, kFrame, kNop, kCall, kNop, kUnframe, kPop, kRet}) v8.write<std::uint32_t>(optimised, 4 * static_cast<std::int16_t>(at++), word);
  std::vector<std::uint8_t> offsets;
  for (int i = 0; i < 9; ++i) vlq(offsets, 10);
  const std::uint64_t baseline = v8.stream(100, 10, outer_code, v8.bytes(offsets));
  v8.write<std::uint32_t>(baseline, 40, kCall);
  const std::vector<std::string> right = {"[truncated]", "outer:1", "inner:3"};
  put_frame(30, 0, 40, outer, outer_code, 0);
  registers.fp = address(30);
  registers.general[30] = baseline + 44;
  for (const unsigned unframed : {0u, 1u, 2u, 8u}) {
    registers.pc = optimised + unframed * 4;
    EXPECT_EQ(walk(), right) << "at instruction " << unframed;
  }
  // Its own frame stands; the register holds what it entered with, or where the last call of its own returned to.
  put_frame(10, baseline + 44, 30, inner, 0, 0);
  registers.fp = address(10);
  for (const unsigned framed : {3u, 5u, 6u, 7u}) {
    registers.pc = optimised + framed * 4;
    registers.general[30] = framed == 3 ? baseline + 44 : optimised + 20;
    EXPECT_EQ(walk(), right) << "at instruction " << framed;
  }
}

TEST_F(NodeWalkTest, WhatCannotBeProvenIsNotNamed) {
  std::vector<std::uint8_t> offsets;
  vlq(offsets, 20), vlq(offsets, 10);
  const std::uint64_t baseline = v8.stream(100, 10, outer_code, v8.bytes(offsets));
  put_frame(10, 0, 30, inner, outer_code, 0);          // the function on the stack is another's than the code's
  registers.pc = baseline + 25;
  registers.fp = address(10);
  EXPECT_EQ(walk(), (std::vector<std::string>{"[truncated]", "[unknown function]"}));
}

// A function of thousands of lines: its header lies hundreds of kilobytes before, behind words that look like objects.
TEST_F(NodeWalkTest, CodeOfAnyLengthIsFound) {
  const std::uint64_t small = v8.stream(100, 10, inner_code, v8.bytes({20, 10}));
  const std::uint32_t size = 700'000;
  std::vector<std::uint8_t> offsets;
  vlq(offsets, 20), vlq(offsets, size);
  const std::uint64_t large = v8.stream(size, 10, outer_code, v8.bytes(offsets));
  for (std::uint64_t at = 512; at < size; at += 1024) v8.write(large, static_cast<std::int64_t>(at), v8.script_map + at);
  put_frame(10, large + size - 64, 30, inner, inner_code, 0);
  put_frame(30, 0, 40, outer, outer_code, 0);
  stack[25] = v8.array({FakeV8::smi(0)});              // baseline code keeps its feedback where interpreted code has its place
  registers.pc = small + 25;
  registers.fp = address(10);
  EXPECT_EQ(walk(), (std::vector<std::string>{"[truncated]", "outer:1", "inner:3"}));
}

// A collection has moved the JSFunction since the stack was copied: its feedback, which stays, tells whose the bytecodes are.
TEST_F(NodeWalkTest, AFunctionThatHasMovedIsKnownByItsFeedback) {
  const std::uint64_t baseline = v8.stream(100, 10, outer_code, v8.bytes({20, 10}));
  put_frame(10, 0, 30, outer, outer_code, 0);
  v8.write(stack[8], 0, FakeV8::smi(7));               // where it was is something else
  registers.pc = baseline + 25;
  registers.fp = address(10);
  EXPECT_EQ(walk(), (std::vector<std::string>{"[truncated]", "[unknown function]"}));
  stack[4] = v8.array({FakeV8::smi(0), inner, FakeV8::smi(0)});    // another's
  EXPECT_EQ(walk(), (std::vector<std::string>{"[truncated]", "[unknown function]"}));
  stack[4] = v8.array({FakeV8::smi(0), outer, FakeV8::smi(0)});
  EXPECT_EQ(walk(), (std::vector<std::string>{"[truncated]", "outer:1"}));
}

// Compaction moves the literals of optimised code and leaves the rest: where they were, others' may lie now.
TEST_F(NodeWalkTest, LiteralsThatHaveMovedAreReadAgain) {
  std::vector<std::uint8_t> inlining(16);
  const std::uint64_t literals = v8.array({inner}), moved = v8.array({inner});
  const std::uint64_t deopt = v8.array({v8.bytes({0}), FakeV8::smi(1), literals, 0, 0, FakeV8::smi(5), outer, v8.bytes(inlining)});
  const std::uint64_t optimised = v8.stream(200, 12, deopt, v8.bytes(position_table({{0, 4, -1}, {50, 15, 0}})));
  put_frame(10, 0, 30, outer, 0, 0);
  registers.pc = optimised + 60;
  registers.fp = address(10);
  NativeStack native(process, context);
  Walk walk(v8.layout, builtins, *process.memory, native, context);
  const auto names = walk_by(walk);
  EXPECT_EQ(names.back(), "inner:4");
  v8.write(deopt, 16 + 2 * 8, moved);
  v8.write(literals, 16, outer);                       // another array's element
  EXPECT_EQ(walk_by(walk), names);
}

// Names and sources that take ever more reads end one sample, not the agent.
TEST_F(NodeWalkTest, OneSampleReadsSoMuchAndNoMore) {
  class Counting final : public Memory {
   public:
    explicit Counting(Memory& memory) : memory_(memory) {}
    std::size_t read_batch(std::span<const Read> each) override { return reads += each.size(), memory_.read_batch(each); }
    std::size_t reads = 0;

   private:
    Memory& memory_;
  } counting(*process.memory);
  // Ropes within ropes: 2^20 ways to the one character.
  std::uint64_t rope = v8.string("x");
  for (unsigned depth = 1; depth <= 10; ++depth) rope = v8.rope(v8.cons_map, std::size_t{1} << depth, rope, rope);
  stack.resize(8192);
  const std::uint64_t baseline = v8.stream(100, 10, outer_code, v8.bytes({20, 10}));
  for (std::size_t fp = 10; fp + 30 < stack.size(); fp += 10) {
    const std::uint64_t code = bytecodes({});
    put_frame(fp, baseline + 25, fp + 10, v8.shared(rope, script, code), code, 0);
  }
  registers.pc = baseline + 25;
  registers.fp = address(10);
  NativeStack native(process, context);
  Walk walk(v8.layout, builtins, counting, native, context);
  walk_by(walk);
  EXPECT_LE(counting.reads, 400'000u);
}

// Code was moved away since the sample was taken, and other code lies there now: named only if it was known by then, or the
// function on the stack is the code's.
TEST_F(NodeWalkTest, ALateSampleIsNotNamedByWhatLiesThereNow) {
  const std::uint64_t deopt = v8.array({v8.bytes({0}), FakeV8::smi(0), v8.array({}), 0, 0, FakeV8::smi(5), outer, v8.bytes({})});
  registers.pc = v8.stream(200, 12, deopt, v8.bytes(position_table({{0, 4, -1}}))) + 60;
  registers.fp = address(10);
  NativeStack native(process, context);
  Walk walk(v8.layout, builtins, *process.memory, native, context);
  taken_at = 1;
  put_frame(10, 0, 30, inner, inner_code, 0);
  EXPECT_EQ(walk_by(walk).back(), "[unknown function]");
  put_frame(10, 0, 30, outer, outer_code, 0);
  EXPECT_EQ(walk_by(walk).back(), "outer:2");
  taken_at = now_ns();
  v8.write(stack[8], 0, FakeV8::smi(7));               // the function has moved; its code was known before
  EXPECT_EQ(walk_by(walk).back(), "outer:2");
}

TEST_F(NodeWalkTest, ARingOfFramePointersEnds) {
  const std::uint64_t baseline = v8.stream(100, 10, outer_code, v8.bytes({20, 10}));
  put_frame(10, baseline + 25, 10, outer, outer_code, 0);
  registers.pc = baseline + 25;
  registers.fp = address(10);
  const auto names = walk();
  EXPECT_EQ(result, Walked::Truncated);
  EXPECT_LE(names.size(), 3u);
}

// What deoptimisation would rebuild tells a call's frames (V8 12.4 and newer).
TEST_F(NodeWalkTest, CallsOfOptimisedCodeByTheirSafepoints) {
  const std::uint64_t middle = v8.shared(v8.scope(v8.string("middle"), 0, 4), script, bytecodes({{0, 0, -1}, {3, 5, -1}}));
  std::vector<std::uint8_t> translations = {12};       // BEGIN: distance, frames, JavaScript's frames
  vlq(translations, 0), zigzag(translations, 3), zigzag(translations, 2);
  translations.push_back(1);                           // a frame: bytecode offset, literal, height
  zigzag(translations, 3), zigzag(translations, 1), zigzag(translations, 0);
  translations.push_back(39 - 5);                      // some value between them
  zigzag(translations, 9);
  translations.push_back(9);                           // arguments that an inlined callee does not take: literal, count
  zigzag(translations, 0), zigzag(translations, 3);
  translations.push_back(1);
  zigzag(translations, 10), zigzag(translations, 0), zigzag(translations, 0);
  std::vector<std::uint64_t> elements = {v8.bytes(translations), FakeV8::smi(1), v8.array({inner, middle}), 0, 0, FakeV8::smi(5), middle,
                                         v8.bytes({}), FakeV8::smi(180), 0, 0, FakeV8::smi(3), FakeV8::smi(0), 0};
  const std::uint64_t optimised = v8.stream(200, 12, v8.array(elements), v8.bytes({}));
  // The safepoint table: length, config (deopt, no registers, 1 byte a pc, 1 an index), {pc, index + 1, trampoline + 1}.
  v8.write<std::uint32_t>(optimised + 200, 0, 1);
  v8.write<std::uint32_t>(optimised + 200, 4, 1 | 1 << 4 | 1 << 7);
  v8.write_bytes(optimised + 208, std::string_view("\x40\x01\xb5", 3));
  put_frame(10, optimised + 0x40, 30, inner, inner_code, 0);
  put_frame(30, 0, 40, middle, 0, 0);
  registers.pc = v8.stream(100, 10, inner_code, v8.bytes({20, 10})) + 25;
  registers.fp = address(10);
  EXPECT_EQ(walk(), (std::vector<std::string>{"[truncated]", "middle:2", "inner:4", "inner:3"}));
  stack[11] = optimised + 0xb4;                        // deoptimised lazily: it returns to the trampoline
  EXPECT_EQ(walk(), (std::vector<std::string>{"[truncated]", "middle:2", "inner:4", "inner:3"}));
}

}  // namespace
}  // namespace sampan::node

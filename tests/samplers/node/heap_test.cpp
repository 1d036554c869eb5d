#include "samplers/node/heap.hpp"

#include <gtest/gtest.h>

#include <array>

#include "samplers/node/functions.hpp"
#include "tests/samplers/node/fake_v8.hpp"

namespace sampan::node {
namespace {

class HeapTest : public testing::Test {
 protected:
  FakeV8 v8;
  LiveMemory memory{getpid()};
  Profile profile;
  Heap heap{memory, v8.layout};
  BuiltinNames builtins;
  Functions functions{heap, builtins, profile, true};

  std::uint64_t script = v8.script(v8.string("/app/a.js"), v8.string("one\ntwo\r\nthree\rfour\n"), 7);
  std::uint64_t bytecodes = v8.bytecodes(std::vector<std::uint8_t>(20, 1), position_table({{0, 0, -1}, {4, 5, -1}, {10, 15, -1}}));
};

TEST_F(HeapTest, StringsOfEveryShape) {
  const auto left = v8.string("left "), right = v8.string("right");
  EXPECT_EQ(heap.string(v8.rope(v8.cons_map, 10, left, right), 100), "left right");
  EXPECT_EQ(heap.string(v8.rope(v8.sliced_map, 3, right, FakeV8::smi(2)), 100), "ght");
  EXPECT_EQ(heap.string(v8.rope(v8.thin_map, 5, left), 100), "left ");
  EXPECT_EQ(heap.string(v8.wide_string(u"h\u00e9\u20ac\U0001f600"), 100), "h\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
  EXPECT_EQ(heap.string(v8.rope(v8.cons_map, 7, left, v8.wide_string(u"\u20ac!")), 100), "left \xe2\x82\xac!");
  const char outside[] = "outside";
  EXPECT_EQ(heap.string(v8.rope(v8.external_map, 7, 0, reinterpret_cast<std::uint64_t>(outside)), 100), "outside");
}

TEST_F(HeapTest, WhatIsNoStringHasNoText) {
  EXPECT_FALSE(heap.string(0, 100));
  EXPECT_FALSE(heap.string(FakeV8::smi(5), 100));
  EXPECT_FALSE(heap.string(script, 100));
  EXPECT_FALSE(heap.string(v8.string("too long"), 3));
  const auto ring = v8.rope(v8.cons_map, 8, 0, 0);
  v8.write(ring, 16, ring), v8.write(ring, 24, ring);
  EXPECT_FALSE(heap.string(ring, 100));
  EXPECT_FALSE(heap.string(v8.rope(v8.cons_map, 1u << 31, v8.string("a"), v8.string("b")), 100));
}

TEST_F(HeapTest, NamesAndLines) {
  Function* plain = functions.find(v8.shared(v8.scope(v8.string("plain"), 0, 4, 3), script, bytecodes));
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->name, "plain");
  EXPECT_EQ(plain->script->file, "/app/a.js");
  EXPECT_EQ(functions.line_of_bytecode(*plain, -1), 2u);   // where the function begins
  EXPECT_EQ(functions.line_of_bytecode(*plain, 0), 1u);
  EXPECT_EQ(functions.line_of_bytecode(*plain, 9), 2u);
  EXPECT_EQ(functions.line_of_bytecode(*plain, 19), 4u);
  EXPECT_EQ(functions.find(v8.shared(v8.scope(0, v8.string("A.b"), 4), script, bytecodes))->name, "A.b");
  EXPECT_EQ(functions.find(v8.shared(v8.scope(v8.string(""), v8.string("A.b"), 4), script, bytecodes))->name, "A.b");
  EXPECT_EQ(functions.find(v8.shared(v8.scope(0, 0, 4), script, bytecodes))->name, "(anonymous)");
  EXPECT_EQ(functions.find(v8.shared(v8.string("builtin"), FakeV8::smi(0), FakeV8::smi(3)))->name, "builtin");
  EXPECT_FALSE(functions.find(script));
}

TEST_F(HeapTest, AFunctionIsOfItsBytecodesOrNotNamed) {
  const auto shared = v8.shared(v8.scope(v8.string("right"), 0, 4), script, bytecodes);
  const auto other = v8.shared(v8.scope(v8.string("wrong"), 0, 4), script, v8.bytecodes({1}, {}));
  EXPECT_FALSE(functions.of_bytecodes(bytecodes, v8.function(other)));
  EXPECT_FALSE(functions.of_bytecodes(bytecodes, FakeV8::smi(1)));
  ASSERT_TRUE(functions.of_bytecodes(bytecodes, v8.function(shared)));
  EXPECT_EQ(functions.of_bytecodes(bytecodes, v8.function(other))->name, "right");   // known by now, whoever calls
}

TEST_F(HeapTest, AFunctionIsFollowedWhereACollectionMovedIt) {
  const auto shared = v8.shared(v8.scope(v8.string("moved"), 0, 4), script, bytecodes);
  const auto old = v8.function(shared), now = v8.function(shared);
  v8.write(old, 0, now & ~std::uint64_t{1});   // the forwarding address stands where the map was
  ASSERT_TRUE(functions.of_js_function(old));
  EXPECT_EQ(functions.of_js_function(old)->name, "moved");
}

TEST(FileName, OfModules) {
  EXPECT_EQ(plain_file_name("file:///a%20b/c.mjs"), "/a b/c.mjs");
  EXPECT_EQ(plain_file_name("node:fs"), "node:fs");
  EXPECT_EQ(plain_file_name("file:///100%"), "/100%");
}

TEST(Layout, KnowsEveryRowByItsVersionAlone) {
  EXPECT_TRUE(find_row(9, 4));
  EXPECT_TRUE(find_row(14, 6));
  EXPECT_FALSE(find_row(14, 99));
  for (const auto& [major, minor] : {std::pair{9, 0}, {10, 1}, {11, 3}, {12, 4}, {13, 6}, {14, 1}}) {
    const Row* row = find_row(major, minor);
    ASSERT_TRUE(row);
    EXPECT_EQ(std::strlen(row->bytecodes.single), std::strlen(row->bytecodes.wide));
    EXPECT_EQ(std::strlen(row->bytecodes.single), std::strlen(row->bytecodes.extra_wide));
  }
}

}  // namespace
}  // namespace sampan::node

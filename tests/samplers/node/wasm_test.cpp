#include "samplers/node/wasm.hpp"

#include <gtest/gtest.h>

#include <unistd.h>

#include "tests/samplers/node/fake_v8.hpp"

namespace sampan::node {
namespace {

// A module of four functions: an imported one, two with names, one without.
std::vector<std::uint8_t> module_bytes(std::initializer_list<std::uint8_t> names) {
  std::vector<std::uint8_t> bytes = {0, 'a', 's', 'm', 1, 0, 0, 0, 1, 2, 0xff, 0xff, 0, 3, 1, 'x', 0xff};   // a type section, a custom one
  bytes.insert(bytes.end(), {0, static_cast<std::uint8_t>(5 + names.size()), 4, 'n', 'a', 'm', 'e'});
  bytes.insert(bytes.end(), names);
  return bytes;
}
const auto kNamed = module_bytes({0, 2, 1, 'm', 1, 13, 2, 1, 4, 's', 'p', 'i', 'n', 3, 4, 'o', 'u', 10, 'r'});

class WasmTest : public testing::Test {
 protected:
  FakeV8 v8;
  LiveMemory memory{getpid()};
  Profile profile;
  Heap heap{memory, v8.layout};
  WasmFunctions functions{heap, profile};
  std::uint64_t native = v8.allocate(0x200), data = 0;

  void SetUp() override {
    const std::uint64_t wire = v8.allocate(kNamed.size()), owned = v8.allocate(16), shared = v8.allocate(8), holder = v8.allocate(32);
    std::copy(kNamed.begin(), kNamed.end(), reinterpret_cast<std::uint8_t*>(wire));
    v8.write(owned, 0, wire), v8.write(owned, 8, std::uint64_t{kNamed.size()});
    v8.write(native, 0xc8, owned);
    v8.write(shared, 0, native);
    v8.write(holder, 24, shared);
    const std::uint64_t managed = v8.object(v8.array_map, 16), object = v8.object(v8.array_map, 64), instance = v8.object(v8.array_map, 64);
    v8.write(managed, 8, holder);
    v8.write(object, 0x18, managed);
    v8.write(object, 0x20, v8.script(v8.string("wasm://wasm/1234"), 0, 9));
    v8.write(instance, 0x20, object);
    data = v8.object(v8.array_map, 256);
    v8.write(data, 0xa0, instance);
  }
  std::uint64_t code(std::uint64_t start, std::uint32_t size, std::uint32_t index, std::uint64_t of = 0) {
    const std::uint64_t made = v8.allocate(64);
    v8.write(made, 0, of ? of : native);
    v8.write(made, 8, start);
    v8.write(made, 0x18, size);
    v8.write(made, 0x2c, index);
    return made;
  }
  std::uint64_t node(std::uint64_t key, std::uint64_t value, std::uint64_t left = 0, std::uint64_t right = 0) {
    const std::uint64_t made = v8.allocate(48);
    v8.write(made, 16, left), v8.write(made, 24, right), v8.write(made, 32, key), v8.write(made, 40, value);
    return made;
  }
  void root(std::uint64_t node) { v8.write(native, 0x190 + 8, node); }
  std::string name(std::uint64_t pc, std::uint64_t from) {
    const WasmFunction* found = functions.find(pc, from);
    if (!found) return "";
    const Frame& frame = profile.frame(found->frame);
    return std::string(frame.name) + " " + std::string(frame.file);
  }
};

TEST_F(WasmTest, AFunctionIsFoundByItsModulesCode) {
  root(node(0x2000, code(0x2000, 0x100, 1), node(0x1000, code(0x1000, 0x100, UINT32_MAX)), node(0x3000, code(0x3000, 0x100, 2))));
  EXPECT_EQ(name(0x2010, data), "spin wasm://wasm/1234");
  EXPECT_EQ(name(0x30ff, data), "wasm-function[2] wasm://wasm/1234");
  EXPECT_EQ(name(0x3100, data), "");           // behind it
  EXPECT_EQ(name(0x1010, data), "");           // a wrapper
  EXPECT_EQ(name(0x500, data), "");
  EXPECT_EQ(name(0x2020, 0), "spin wasm://wasm/1234");   // of a module that is known, without its instance
}

TEST_F(WasmTest, CodeThatIsNotYetInTheMap) {
  root(node(0x2000, code(0x2000, 0x100, 1)));
  const std::uint64_t fresh = v8.allocate(16);
  v8.write(fresh, 0, code(0x2800, 0x80, 3));
  v8.write(native, 0x1b8, fresh), v8.write(native, 0x1c0, fresh + 8);
  EXPECT_EQ(name(0x2810, data), "ou r wasm://wasm/1234");   // a control character of its name
  EXPECT_EQ(name(0x2010, data), "spin wasm://wasm/1234");
}

TEST_F(WasmTest, WhatIsNoMoreIsNotBelieved) {
  const std::uint64_t spin = code(0x2000, 0x100, 1);
  root(node(0x2000, spin));
  EXPECT_EQ(name(0x2010, data), "spin wasm://wasm/1234");
  EXPECT_NE(functions.known(0x2010), nullptr);
  v8.write(spin, 8, std::uint64_t{0x9000});    // freed, and something else there
  EXPECT_EQ(functions.known(0x2010), nullptr);
  EXPECT_EQ(name(0x2010, data), "");
  root(node(0x2000, code(0x2000, 0x100, 1, v8.base)));   // another module's
  EXPECT_EQ(name(0x2010, data), "");
  const std::uint64_t ring = node(0x2000, 0);
  v8.write(ring, 24, ring);                    // a map without an end
  root(ring);
  EXPECT_EQ(name(0x2010, data), "");
}

TEST_F(WasmTest, AVersionWithoutARowHasNoNames) {
  root(node(0x2000, code(0x2000, 0x100, 1)));
  v8.layout.row.wasm = nullptr;
  EXPECT_EQ(name(0x2010, data), "");
}

TEST(WasmNames, WhatIsCutShortEnds) {
  for (std::size_t size = 0; size <= kNamed.size(); ++size) {
    FakeMemory memory;
    memory.put(4096, std::as_bytes(std::span(kNamed)).first(size));
    const auto names = wasm_names(memory, 4096, size);
    EXPECT_EQ(names.size(), size == kNamed.size() ? 2u : 0u) << size;
  }
  const auto greedy = module_bytes({1, 7, 0xff, 0xff, 0xff, 0xff, 0x0f, 2, 4, 's'});   // counts more than there is
  FakeMemory memory;
  memory.put(4096, std::as_bytes(std::span(greedy)));
  EXPECT_TRUE(wasm_names(memory, 4096, greedy.size()).empty());
}

}  // namespace
}  // namespace sampan::node

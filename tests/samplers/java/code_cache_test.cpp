#include "samplers/java/code_cache.hpp"

#include <gtest/gtest.h>

#include "samplers/java/scopes.hpp"
#include "tests/samplers/java/fake_vm.hpp"

namespace sampan::java {
namespace {

class CodeCacheTest : public testing::Test {
 protected:
  FakeVm vm;
  CodeCache cache{vm.memory, vm.layout};

  void put_blob(std::uint64_t start, std::string_view name, std::uint32_t size, std::uint32_t words, std::uint32_t id = 7) {
    vm.put_blob(start, name, size, words, id);
  }
};

TEST_F(CodeCacheTest, FindsTheBlobThatHoldsAPc) {
  const std::uint64_t start = vm.add_block(4, 3);
  put_blob(start, "nmethod", 300, 6);
  ASSERT_TRUE(cache.refresh());
  for (const std::uint64_t at : {96, 200, 299}) {
    const Blob* blob = cache.find(start + at);
    ASSERT_NE(blob, nullptr) << at;
    EXPECT_EQ(blob->start, start);
    EXPECT_EQ(blob->kind, BlobKind::Compiled);
    EXPECT_EQ(blob->frame_bytes, 48u);
    EXPECT_EQ(blob->compile_id, 7u);
    EXPECT_EQ(blob->metadata, start + 600);
  }
  EXPECT_EQ(cache.find(start + 300), nullptr) << "past its end";
  EXPECT_EQ(cache.find(FakeVm::kHeapLow), nullptr) << "free";
  EXPECT_EQ(cache.find(0x1234), nullptr) << "no code cache";
}

TEST_F(CodeCacheTest, ABlobThatTookAnothersPlaceIsReadAnew) {
  const std::uint64_t start = vm.add_block(4, 3);
  put_blob(start, "nmethod", 300, 6);
  ASSERT_TRUE(cache.refresh());
  const std::uint32_t serial = cache.find(start + 100)->serial;
  put_blob(start, "nmethod", 300, 2, 8);
  EXPECT_EQ(cache.find(start + 100)->serial, serial) << "its witnesses have not been asked";
  cache.forget(start);
  const Blob* blob = cache.find(start + 100);
  ASSERT_NE(blob, nullptr);
  EXPECT_GT(blob->serial, serial);
  EXPECT_EQ(blob->compile_id, 8u);
}

// What is freed keeps its header, and other code may begin elsewhere in its place.
TEST_F(CodeCacheTest, AWitnessTellsThatABlobWasFreed) {
  for (const bool shorter : {false, true}) {
    if (shorter) vm.shorten_block_headers();
    const std::uint64_t start = vm.add_block(shorter ? 20 : 4, 3);
    put_blob(start, "nmethod", 300, 6);
    ASSERT_TRUE(cache.refresh());
    const Witness used = cache.find(start + 100)->witnesses[2];
    EXPECT_EQ(vm.memory.read_as<std::uint64_t>(used.address) & used.mask, used.value);
    vm.put_block(start - vm.layout.block_size, 3, false);
    EXPECT_NE(vm.memory.read_as<std::uint64_t>(used.address) & used.mask, used.value) << shorter;
  }
}

TEST_F(CodeCacheTest, BlobsOfManySegmentsAreSteppedThrough) {
  const std::uint64_t start = vm.add_block(2, 400);
  put_blob(start, "Interpreter", 400 * 128 - 16, 0);
  ASSERT_TRUE(cache.refresh());
  const Blob* blob = cache.find(start + 390 * 128);
  ASSERT_NE(blob, nullptr);
  EXPECT_EQ(blob->kind, BlobKind::Interpreter);
}

TEST_F(CodeCacheTest, TellsStubsByTheirNames) {
  const std::pair<const char*, BlobKind> names[] = {
      {"StubRoutines (1)", BlobKind::Stubs}, {"StubRoutines (continuation stubs)", BlobKind::Continuation},
      {"vtable chunks", BlobKind::Vtable}, {"I2C/C2I adapters", BlobKind::Vtable},
      {"native nmethod", BlobKind::Compiled}, {"RuntimeStub - _new_array_Java", BlobKind::Runtime}};
  std::size_t segment = 0;
  for (const auto& [name, kind] : names) {
    const std::uint64_t start = vm.add_block(segment += 4, 3);
    put_blob(start, name, 300, 2);
    ASSERT_TRUE(cache.refresh());
    const Blob* blob = cache.find(start + 100);
    ASSERT_NE(blob, nullptr) << name;
    EXPECT_EQ(blob->kind, kind) << name;
    EXPECT_EQ(blob->native, std::string_view(name).starts_with("native")) << name;
  }
}

TEST_F(CodeCacheTest, CorruptHeadersAreNoBlobs) {
  const std::uint64_t start = vm.add_block(4, 3);
  ASSERT_TRUE(cache.refresh());
  EXPECT_EQ(cache.find(start + 100), nullptr) << "no header at all";
  put_blob(start, "nmethod", 0xffffffff, 6);
  EXPECT_EQ(cache.find(start + 100), nullptr) << "an absurd size";
  put_blob(start, "nmethod", 300, 0x7fffffff);
  EXPECT_EQ(cache.find(start + 100), nullptr) << "an absurd frame";
  put_blob(start, "", 300, 6);
  EXPECT_EQ(cache.find(start + 100), nullptr) << "no name";
}

TEST_F(CodeCacheTest, ASegmentMapThatLeadsAstrayEnds) {
  vm.segments.assign(vm.segments.size(), std::byte{1});   // each points back by one, the first before the heap
  vm.put_segments();
  ASSERT_TRUE(cache.refresh());
  EXPECT_EQ(cache.find(FakeVm::kHeapLow + 0x8000), nullptr);
  vm.segments.assign(vm.segments.size(), std::byte{0xfe});
  vm.put_segments();
  EXPECT_EQ(cache.find(FakeVm::kHeapLow + 0x8000), nullptr);
}

TEST_F(CodeCacheTest, HeapsThatCannotBeReadAreNone) {
  FakeMemory empty;
  CodeCache none(empty, vm.layout);
  EXPECT_FALSE(none.refresh());
  EXPECT_EQ(none.find(FakeVm::kHeapLow), nullptr);
}

class ScopesTest : public CodeCacheTest {
 protected:
  std::uint64_t start = vm.add_block(4, 8);
  std::vector<Scope> scopes;

  const Blob* blob() {
    put_blob(start, "nmethod", 900, 6);
    cache.refresh();
    return cache.find(start + 100);
  }
  // PcDescs at 400: {pc 16, scope 4}, {pc 40, scope 9}, {end}.
  void put_descs() {
    const std::vector<std::int32_t> descs = {16, 4, 0, 0, 40, 9, 0, 0, 0x7fffffff, 0, 0, 0};
    vm.memory.put(start + 400, std::as_bytes(std::span(descs)));
  }
  void put_scopes(std::initializer_list<int> values) {
    std::vector<std::byte> bytes(32);
    std::size_t at = 0;
    for (int value : values) bytes[at++] = static_cast<std::byte>(value);
    vm.memory.put(start + 500, bytes);
  }
};

TEST_F(ScopesTest, ChainsFromTheInnermostMethod) {
  put_descs();
  // At 4: no sender, method 1, bci 7. At 9: sender 4, method 2, bci 3.
  put_scopes({0, 0, 0, 0, 0, 1, 8, 0, 0, 4, 2, 4});
  vm.put(start + 600, {0xaaa0, 0xbbb0});
  const Blob* known = blob();
  ASSERT_NE(known, nullptr);
  bool is_call = false;
  ASSERT_TRUE(read_scopes(vm.memory, vm.layout, *known, known->code + 40, scopes, &is_call));
  EXPECT_TRUE(is_call);
  ASSERT_EQ(scopes.size(), 2u);
  EXPECT_EQ(scopes[0].method, 0xbbb0u);
  EXPECT_EQ(scopes[0].bci, 3);
  EXPECT_EQ(scopes[1].method, 0xaaa0u);
  EXPECT_EQ(scopes[1].bci, 7);
  ASSERT_TRUE(read_scopes(vm.memory, vm.layout, *known, known->code + 17, scopes, &is_call)) << "the next one holds";
  EXPECT_FALSE(is_call);
  EXPECT_EQ(scopes.size(), 2u);
  ASSERT_TRUE(read_scopes(vm.memory, vm.layout, *known, known->code + 41, scopes, &is_call)) << "behind the last one, it holds";
  EXPECT_FALSE(is_call);
  ASSERT_EQ(scopes.size(), 2u);
  EXPECT_EQ(scopes[0].method, 0xbbb0u);
}

TEST_F(ScopesTest, LoopsAndNonsenseEnd) {
  put_descs();
  put_scopes({0, 0, 0, 0, 9, 1, 8, 0, 0, 4, 2, 4});   // 4 and 9 are each other's sender
  vm.put(start + 600, {0xaaa0, 0xbbb0});
  const Blob* known = blob();
  ASSERT_NE(known, nullptr);
  EXPECT_FALSE(read_scopes(vm.memory, vm.layout, *known, known->code + 40, scopes));
  EXPECT_LE(scopes.size(), 256u);
  put_scopes({0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 2, 4});
  EXPECT_FALSE(read_scopes(vm.memory, vm.layout, *known, known->code + 16, scopes)) << "a method index out of all bounds";
}

TEST(FindScope, IsABinarySearch) {
  bool exact = false;
  EXPECT_EQ(find_scope({}, 4, exact), 0);
  const std::vector<std::int32_t> descs = {-1, 1, 0, 0, 8, 2, 0, 0, 16, 3, 0, 0};
  const Bytes bytes = std::as_bytes(std::span(descs));
  EXPECT_EQ(find_scope(bytes, 8, exact), 2);
  EXPECT_TRUE(exact);
  EXPECT_EQ(find_scope(bytes, 9, exact), 3);
  EXPECT_FALSE(exact);
  // Behind the last recorded place, what runs belongs to it: C1 records nothing after a method's last safepoint.
  EXPECT_EQ(find_scope(bytes, 17, exact), 3);
  EXPECT_FALSE(exact);
  const std::vector<std::int32_t> marked = {-1, 0, 0, 0, 8, 2, 0, 0, 16, 3, 0, 0, 64, 0, 0, 0};
  EXPECT_EQ(find_scope(std::as_bytes(std::span(marked)), 40, exact), 3);
  EXPECT_EQ(find_scope(std::as_bytes(std::span(marked)), 64, exact), 3);
  EXPECT_FALSE(exact);
}

}  // namespace
}  // namespace sampan::java

#include "samplers/python/thread_names.hpp"

#include <gtest/gtest.h>

#include <map>

namespace sampan::python {
namespace {

constexpr std::uint64_t kInterp = 0x10000, kIdent = 0x7f1234567700;

Offsets offsets_of(std::uint32_t minor, bool free_threaded = false) {
  if (minor <= 12) return minor == 0 ? *known_offsets(version(2, 7)) : *known_offsets(version(3, minor));
  Offsets o = *known_offsets(version(3, 12));   // as 3.13's own table and schema say
  o.version = version(3, minor);
  o.attributes = SAMPAN_PY_ATTR_INLINE, o.values_from = 8;
  if (free_threaded) {
    o.managed_dict = 8;
    for (auto* field : {&o.object_type, &o.unicode_length, &o.unicode_state, &o.unicode_ascii_data, &o.type_flags, &o.type_basic_size,
                        &o.type_dict_offset, &o.type_cached_keys, &o.module_dict, &o.dict_keys, &o.dict_values}) *field += 16;
  }
  return o;
}

// A heap of Python objects as a version lays them out.
class Heap {
 public:
  explicit Heap(const Offsets& offsets) : o(offsets) {}

  std::uint64_t put(std::vector<std::byte> bytes) {
    const std::uint64_t at = free_;
    free_ += (bytes.size() + 127) & ~std::uint64_t{63};
    memory.put(at, bytes);
    return at;
  }
  template <typename T>
  static void set(std::vector<std::byte>& bytes, std::size_t at, const T& value) {
    if (bytes.size() < at + sizeof value) bytes.resize(at + sizeof value);
    std::memcpy(bytes.data() + at, &value, sizeof value);
  }
  std::uint64_t words(std::vector<std::uint64_t> values) {
    const auto bytes = std::as_bytes(std::span(values));
    return put({bytes.begin(), bytes.end()});
  }

  std::uint64_t string(std::string_view text) {
    std::vector<std::byte> bytes(std::max<std::size_t>(o.unicode_ascii_data, o.bytes_data) + text.size() + 8);
    if (o.byte_strings) set(bytes, o.var_size, std::uint64_t{text.size()});
    else set(bytes, o.unicode_length, std::uint64_t{text.size()}), set(bytes, o.unicode_state, std::uint32_t{1u << 2 | 1u << 5 | 1u << 6});
    std::memcpy(bytes.data() + (o.byte_strings ? o.bytes_data : o.unicode_ascii_data), text.data(), text.size());
    return put(bytes);
  }

  // A dict's keys, with the values beside them unless it is split.
  std::uint64_t keys(const std::vector<Dicts::Row>& rows, bool split, bool general) {
    std::vector<std::byte> bytes;
    if (o.dicts == SAMPAN_PY_DICT_SIZED) {
      set(bytes, 8, std::uint64_t{8}), set(bytes, 32, std::uint64_t{rows.size()});
      bytes.resize(48);
    } else {
      bytes.resize(40);
      bytes[8] = bytes[9] = std::byte{3}, bytes[10] = static_cast<std::byte>(split ? 2 : general ? 0 : 1);
      set(bytes, 24, std::uint64_t{rows.size()});
    }
    for (const auto& row : rows) {
      if (general || o.dicts == SAMPAN_PY_DICT_SIZED) set(bytes, bytes.size(), row.hash);
      set(bytes, bytes.size(), row.key);
      set(bytes, bytes.size(), split ? std::uint64_t{0} : row.value);
    }
    return put(bytes);
  }
  std::uint64_t dict(const std::vector<Dicts::Row>& rows, bool general = false) {
    std::vector<std::byte> bytes(o.dict_keys + 16);
    if (o.dicts == SAMPAN_PY_DICT_TABLE) {
      std::vector<std::uint64_t> table;
      for (const auto& row : rows) table.insert(table.end(), {row.hash, row.key, row.value});
      set(bytes, o.dict_keys, std::uint64_t{rows.size() - 1}), set(bytes, o.dict_keys + 8, words(table));
    } else {
      set(bytes, o.dict_keys, keys(rows, false, general));
    }
    return put(bytes);
  }

  const Offsets o;
  FakeMemory memory;

 private:
  std::uint64_t free_ = 0x100000;
};

// How an instance holds its attributes.
enum class Kept { InDict, InValues };

// A Thread with the name, as the version keeps instances.
std::uint64_t thread_object(Heap& heap, std::string_view name, Kept kept) {
  const Offsets& o = heap.o;
  const std::vector<Dicts::Row> rows = {{7, heap.string("_target"), 0x9000}, {8, heap.string(o.byte_strings ? "_Thread__name" : "_name"), heap.string(name)}};
  const bool managed = o.attributes != SAMPAN_PY_ATTR_DICT;
  const std::uint64_t basic = o.object_type + 8;
  std::vector<std::byte> type(1024);
  Heap::set(type, o.type_basic_size, basic);
  Heap::set(type, o.type_flags, std::uint64_t{managed ? 1u << 4 | (o.attributes == SAMPAN_PY_ATTR_INLINE ? 1u << 2 : 0) : 0});
  Heap::set(type, o.type_dict_offset, managed ? ~std::uint64_t{0} : basic);
  if (managed) Heap::set(type, o.type_cached_keys, heap.keys(rows, true, false));
  std::vector<std::byte> object(32 + basic + 64);   // the object begins at 32
  Heap::set(object, 32 + o.object_type, heap.put(type));
  const std::uint64_t dict = kept == Kept::InDict ? heap.dict(rows) : 0;
  const std::vector<std::uint64_t> values = {rows[0].value, rows[1].value};
  switch (o.attributes) {
    case SAMPAN_PY_ATTR_DICT: Heap::set(object, 32 + basic, heap.dict(rows)); break;
    case SAMPAN_PY_ATTR_TWO_WORDS: Heap::set(object, 0, dict ? 0 : heap.words(values)), Heap::set(object, 8, dict); break;
    case SAMPAN_PY_ATTR_TAGGED: Heap::set(object, 8, dict ? dict : heap.words(values) - 1); break;
    default:
      Heap::set(object, 32 - o.managed_dict, dict);
      Heap::set(object, 32 + basic, std::uint64_t{0x0002'0002} | std::uint64_t{dict == 0} << 24);
      Heap::set(object, 32 + basic + 8, values[0]), Heap::set(object, 32 + basic + 16, dict ? heap.string("stale") : values[1]);
  }
  return heap.put(object) + 32;
}

std::uint64_t module(Heap& heap, std::uint64_t dict) {
  std::vector<std::byte> bytes(heap.o.module_dict + 8);
  Heap::set(bytes, heap.o.module_dict, dict);
  return heap.put(bytes);
}

// An interpreter whose threading module knows these threads, by ident.
void put_threads(Heap& heap, const std::map<std::uint64_t, std::uint64_t>& threads) {
  std::vector<Dicts::Row> active;
  for (const auto& [ident, thread] : threads) active.push_back({ident, 0x8000, thread});
  std::vector<Dicts::Row> modules;
  for (int i = 0; i < 100; ++i) modules.push_back({1, heap.string("module_" + std::to_string(i)), 0x7000});
  const auto globals = heap.dict({{3, heap.string("_active_limbo_lock"), 0x7000}, {4, heap.string("_active"), heap.dict(active, true)}});
  modules.push_back({2, heap.string("threading"), module(heap, globals)});
  heap.memory.put_value(kInterp + heap.o.interp_modules, heap.dict(modules));
}

std::string name_of(Heap& heap, std::uint64_t ident) {
  ThreadState state;
  state.interp = kInterp, state.thread_id = ident;
  return ThreadNames(heap.memory, heap.o).of(state);
}

TEST(PythonThreadNames, EveryVersionKeepsThemInItsWay) {
  for (const std::uint32_t minor : {0u, 6u, 7u, 8u, 9u, 10u, 11u, 12u, 13u, 14u}) {
    for (const Kept kept : {Kept::InDict, Kept::InValues}) {
      for (const bool free_threaded : {false, true}) {
        if (free_threaded && minor < 13) continue;
        Heap heap(offsets_of(minor, free_threaded));
        put_threads(heap, {{kIdent, thread_object(heap, "a worker of the pool", kept)}, {kIdent + 64, thread_object(heap, "MainThread", kept)}});
        EXPECT_EQ(name_of(heap, kIdent), "a worker of the pool") << minor << free_threaded;
        EXPECT_EQ(name_of(heap, kIdent + 64), "MainThread") << minor;
        EXPECT_EQ(name_of(heap, kIdent + 128), "") << minor;   // none of the module's
      }
    }
  }
}

TEST(PythonThreadNames, WhatIsNotThereHasNoName) {
  Heap empty(offsets_of(12));
  EXPECT_EQ(name_of(empty, kIdent), "");
  Heap unimported(offsets_of(12));
  unimported.memory.put_value(kInterp + unimported.o.interp_modules, unimported.dict({{1, unimported.string("sys"), 0x7000}}));
  EXPECT_EQ(name_of(unimported, kIdent), "");
}

TEST(PythonThreadNames, ATableThatClaimsTooMuchIsNotRead) {
  Heap heap(offsets_of(12));
  std::vector<std::byte> keys(64);
  Heap::set(keys, 24, std::uint64_t{1} << 40);   // rows
  std::vector<std::byte> dict(48);
  Heap::set(dict, heap.o.dict_keys, heap.put(keys));
  EXPECT_TRUE(Dicts(heap.memory, heap.o).rows(heap.put(dict)).empty());
  Heap::set(keys, 24, std::uint64_t{1});
  keys[9] = std::byte{63};                       // bytes of indices, the logarithm
  Heap::set(dict, heap.o.dict_keys, heap.put(keys));
  EXPECT_TRUE(Dicts(heap.memory, heap.o).rows(heap.put(dict)).empty());
}

}  // namespace
}  // namespace sampan::python

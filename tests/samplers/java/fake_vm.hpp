// A HotSpot in fake memory: a layout with plain offsets, one code heap, and methods as they are added.
#pragma once

#include <initializer_list>
#include <string_view>
#include <vector>

#include "samplers/java/layout.hpp"
#include "samplers/process/memory.hpp"

namespace sampan::java {

class FakeVm {
 public:
  static constexpr std::uint64_t kHeapLow = 0x7f0000000000, kHeapBytes = 0x10000, kSegmap = 0x7e0000000000;
  static constexpr std::uint64_t kHeaps = 0x1000, kArray = 0x1100, kArrayData = 0x1200, kHeap = 0x2000;
  static constexpr unsigned kShift = 7;

  FakeMemory memory;
  Layout layout;

  FakeVm() {
    Layout& l = layout;
    l.architecture = &sampan_x86_64;
    l.major = 17;
    l.heaps = kHeaps, l.array_length = 0, l.array_data = 8;
    l.heap_memory = 0, l.heap_segmap = 64, l.heap_shift = 128, l.space_low = 0, l.space_high = 8;
    l.space_low_boundary = 16, l.space_high_boundary = 24;
    l.block_used = 8, l.block_size = 16;
    l.blob_bytes = 128, l.blob_name = 0, l.blob_size = 8, l.blob_frame_size = 12, l.blob_frame_complete = 16;
    l.code_begin = 24, l.method = 32, l.compile_id = 40, l.orig_pc = 44, l.verified_entry = 48;
    l.deopt_begin = 56, l.scopes_pcs = 64, l.scopes_pcs_end = 68, l.scopes_begin = 72, l.metadata_offset = 80;
    l.const_method = 8, l.cm_constants = 8, l.cm_flags = 28, l.cm_code_size = 32, l.cm_name = 34, l.cm_signature = 36, l.cm_bytes = 48;
    l.pool_holder = 24, l.pool_length = 60, l.pool_source_file = 54, l.pool_bytes = 72;
    l.klass_name = 24, l.klass_constants = 40;
    l.symbol_length = 4, l.symbol_body = 6;
    l.thread_osthread = 16, l.thread_anchor = 24, l.osthread_id = 8, l.anchor_sp = 0, l.anchor_pc = 8, l.anchor_fp = 16;
    memory.put_value<std::uint64_t>(kHeaps, kArray);
    put(kArray, {1, kArrayData});
    put(kArrayData, {kHeap});
    std::vector<std::uint64_t> heap(17);
    heap[0] = heap[2] = kHeapLow;
    heap[1] = heap[3] = kHeapLow + kHeapBytes;
    heap[8] = kSegmap;
    heap[16] = kShift;
    put(kHeap, heap);
    segments.assign(kHeapBytes >> kShift, std::byte{0xff});
    put_segments();
  }

  void put(std::uint64_t address, const std::vector<std::uint64_t>& words) { memory.put(address, std::as_bytes(std::span(words))); }
  void put_segments() { memory.put(kSegmap, segments); }

  // JDK 25's: a length of four bytes before the byte that tells whether a block is in use.
  void shorten_block_headers() { layout.block_used = 4, layout.block_size = 8; }
  void put_block(std::uint64_t block, std::uint64_t count, bool used) {
    if (layout.block_size == 8) put(block, {count | std::uint64_t{used} << 32});
    else put(block, {count, used});
  }

  // Marks segments [first, first + count) as one block in use; returns where its blob starts.
  std::uint64_t add_block(std::size_t first, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) segments[first + i] = static_cast<std::byte>(i < 254 ? i : 254);
    put_segments();
    const std::uint64_t block = kHeapLow + (first << kShift);
    put_block(block, count, true);
    return block + layout.block_size;
  }

  // Writes a blob's header; `words` of its frame, code 96 bytes in.
  void put_blob(std::uint64_t start, std::string_view name, std::uint32_t size, std::uint32_t words, std::uint32_t id = 7,
                std::uint64_t method = 0x4000) {
    const std::uint64_t text = take();
    std::vector<char> characters(name.begin(), name.end());
    characters.resize(64);
    memory.put(text, std::as_bytes(std::span(characters)));
    std::vector<std::uint64_t> header(16);
    header[0] = text;
    header[1] = size | std::uint64_t{words} << 32;
    header[2] = 8;                            // frame complete
    header[3] = header[6] = start + 96;       // code, entry
    header[4] = method;
    header[5] = id;
    header[8] = 400 | std::uint64_t{448} << 32;   // PcDescs
    header[9] = start + 500;                  // scopes
    header[10] = 600;                         // metadata
    put(start, header);
  }

  std::uint64_t add_symbol(std::string_view text) {
    std::vector<std::byte> bytes(6 + text.size());
    bytes[4] = static_cast<std::byte>(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) bytes[6 + i] = static_cast<std::byte>(text[i]);
    memory.put(next_, bytes);
    return take();
  }

  // Method → ConstMethod (with its bytecodes' place and lines) → ConstantPool → Klass → Symbols.
  std::uint64_t add_method(std::string_view holder, std::string_view name, std::string_view file, std::initializer_list<int> lines) {
    const std::uint64_t class_name = add_symbol(holder), method_name = add_symbol(name), source = add_symbol(file);
    const std::uint64_t klass = take(), pool = take(), cm = take(), method = take();
    put(klass, {0, 0, 0, class_name, 0, pool});
    std::vector<std::uint64_t> words(12);
    words[3] = klass;
    words[6] = std::uint64_t{2} << 48;           // _source_file_name_index at 54
    words[7] = std::uint64_t{3} << 32;           // _length at 60
    words[9 + 1] = method_name, words[9 + 2] = source;
    put(pool, words);
    std::vector<std::byte> bytes(48 + 10);
    const auto set16 = [&](std::size_t at, unsigned value) { bytes[at] = static_cast<std::byte>(value), bytes[at + 1] = static_cast<std::byte>(value >> 8); };
    std::memcpy(&bytes[8], &pool, 8);
    set16(28, 1), set16(32, 10), set16(34, 1);
    for (int byte : lines) bytes.push_back(static_cast<std::byte>(byte));
    bytes.resize(std::max<std::size_t>(bytes.size() + 16, 512));
    memory.put(cm, bytes);
    put(method, {0, cm});
    return method;
  }

  std::uint64_t take() { return std::exchange(next_, next_ + 0x1000); }

  std::vector<std::byte> segments;

 private:
  std::uint64_t next_ = 0x100000;
};

}  // namespace sampan::java

// A small CPython 3.12 in fake memory: one interpreter, one thread state, code objects, frames in a stack chunk.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "samplers/process/memory.hpp"
#include "samplers/python/find.hpp"
#include "samplers/python/threads.hpp"

namespace sampan::python {

class FakePython {
 public:
  static constexpr std::uint64_t kRuntime = 0x10000, kInterp = 0x20000, kThread = 0x30000, kChunk = 0x40000, kCodeType = 0x50000;
  static constexpr std::uint64_t kPthread = 0x60000, kCframe = 0x70000, kEntry = 0x71000;

  FakePython() {
    python.offsets = o;
    python.runtime = kRuntime;
    python.interpreters_head = kRuntime + o.runtime_interpreters_head;
    python.code_type = kCodeType;
    state.address = kThread, state.interp = kInterp, state.thread_id = kPthread;
    chunk.resize(4096), thread.resize(512);
    put(chunk, 8, std::uint64_t{4096});
    put(thread, o.tstate_interp, kInterp), put(thread, o.tstate_thread_id, kPthread);
    put(thread, o.tstate_frame, kCframe), put(thread, o.tstate_chunk, kChunk);
    entry.resize(128);
    entry[o.frame_owner] = std::byte{3};
    write();
  }

  std::uint64_t string(std::string_view text) {
    const std::uint64_t at = next(64 + text.size());
    std::vector<std::byte> object(o.unicode_ascii_data + text.size());
    put(object, o.unicode_length, std::uint64_t{text.size()});
    put(object, o.unicode_state, std::uint32_t{1u << 2 | 1u << 5 | 1u << 6});   // kind 1, compact, ascii
    std::memcpy(object.data() + o.unicode_ascii_data, text.data(), text.size());
    memory.put(at, object);
    return at;
  }

  // A code object whose bytecode of 32 bytes is all on one line.
  std::uint64_t code(std::string_view name, std::string_view file, std::uint32_t line) {
    const std::uint64_t at = next(256);
    put_code(at, name, file, line);
    return at;
  }
  void put_code(std::uint64_t at, std::string_view name, std::string_view file, std::uint32_t line) {
    std::vector<std::byte> object(240);
    put(object, o.object_type, kCodeType), put(object, o.var_size, std::uint64_t{16});
    put(object, o.code_first_line, line), put(object, o.code_filename, string(file));
    put(object, o.code_name, string(name)), put(object, o.code_qualname, string(name));
    const std::uint64_t table = next(64);
    std::vector<std::byte> bytes(o.bytes_data + 4);
    put(bytes, o.var_size, std::uint64_t{4});
    for (const std::size_t i : {0u, 2u}) bytes[o.bytes_data + i] = std::byte{0x80 | 7};   // eight units, short form
    memory.put(table, bytes);
    put(object, o.code_line_table, table);
    memory.put(at, object);
  }

  // Pushes a frame that runs the code's first instruction.
  void push(std::uint64_t code_object) {
    const std::uint64_t at = kChunk + top;
    put(chunk, top + o.frame_code, code_object), put(chunk, top + o.frame_back, head);
    put(chunk, top + o.frame_position, code_object + o.code_bytecode);
    top += 96;
    head = at;
    write();
  }

  void write() {
    memory.put(kThread, thread), memory.put(kChunk, chunk), memory.put(kEntry, entry);
    memory.put_value(kCframe + o.cframe_current_frame, head);
    memory.put_value(kCframe + o.cframe_current_frame + 8, std::uint64_t{0});
  }

  template <typename T>
  static void put(std::vector<std::byte>& bytes, std::size_t at, const T& value) {
    if (bytes.size() < at + sizeof value) bytes.resize(at + sizeof value);
    std::memcpy(bytes.data() + at, &value, sizeof value);
  }

  const Offsets o = *known_offsets(version(3, 12));
  FakeMemory memory;
  Interpreter python;
  ThreadState state;
  std::vector<std::byte> thread, chunk, entry;
  std::uint64_t head = kEntry;
  std::size_t top = 32;

 private:
  std::uint64_t next(std::size_t size) { return std::exchange(free_, free_ + ((size + 15) & ~std::size_t{15})); }
  std::uint64_t free_ = 0x100000;
};

}  // namespace sampan::python

// A piece of V8's heap, of code and of a stack in this process's own memory, laid out as V8 12.4 does.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <vector>

#include "samplers/node/layout.hpp"

namespace sampan::node {

class FakeV8 {
 public:
  static constexpr std::size_t kSize = 2 << 20;
  Layout layout;
  std::uint64_t base = 0;      // an executable mapping of its own
  std::uint64_t next = 0;
  std::uint64_t meta_map = 0, bytecodes_map = 0, shared_map = 0, script_map = 0, scope_map = 0, function_map = 0, string_map = 0,
                two_byte_map = 0, cons_map = 0, sliced_map = 0, thin_map = 0, external_map = 0, stream_map = 0, code_map = 0, array_map = 0;

  FakeV8() {
    void* memory = mmap(nullptr, kSize, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    base = next = reinterpret_cast<std::uint64_t>(memory);
    layout.row = *find_row(12, 4);
    layout.processor = &kX86Processor;
    layout.frames = {1, 2, 26, 4, 5, 7};
    layout.types = {264, 210, 206, 205, 207, 0xfffe, 274, 167, 272, 2066, 2082};
    meta_map = allocate(80) | 1;
    write(meta_map, 0, meta_map);
    write<std::uint16_t>(meta_map, 12, layout.types.map);
    bytecodes_map = map(layout.types.bytecodes), shared_map = map(layout.types.shared), script_map = map(layout.types.script);
    scope_map = map(layout.types.scope_info), function_map = map(layout.types.function_first), stream_map = map(layout.types.stream);
    code_map = map(layout.types.code), array_map = map(174);
    string_map = map(40), two_byte_map = map(32), cons_map = map(41), sliced_map = map(43), thin_map = map(45), external_map = map(42);
  }
  ~FakeV8() { munmap(reinterpret_cast<void*>(base), kSize); }
  FakeV8(const FakeV8&) = delete;

  static constexpr std::uint64_t smi(std::int64_t value) { return static_cast<std::uint64_t>(value) << 32; }

  std::uint64_t allocate(std::size_t size) {
    const std::uint64_t at = next;
    next += (size + 15) & ~std::size_t{15};
    return at;
  }
  template <typename T = std::uint64_t>
  void write(std::uint64_t object, std::int64_t offset, T value) {
    std::memcpy(reinterpret_cast<void*>((object & ~std::uint64_t{3}) + static_cast<std::uint64_t>(offset)), &value, sizeof value);
  }
  void write_bytes(std::uint64_t address, std::string_view bytes) { std::memcpy(reinterpret_cast<void*>(address), bytes.data(), bytes.size()); }

  std::uint64_t map(std::uint16_t type) {
    const std::uint64_t made = object(meta_map, 80);
    write<std::uint16_t>(made, 12, type);
    return made;
  }
  std::uint64_t object(std::uint64_t of_map, std::size_t size) {
    const std::uint64_t made = allocate(size) | 1;
    write(made, 0, of_map);
    return made;
  }
  std::uint64_t string(std::string_view text) {
    const std::uint64_t made = object(string_map, 16 + text.size());
    write(made, 12, static_cast<std::uint32_t>(text.size()));
    write_bytes((made & ~std::uint64_t{3}) + 16, text);
    return made;
  }
  std::uint64_t wide_string(std::u16string_view text) {
    const std::uint64_t made = object(two_byte_map, 16 + text.size() * 2);
    write(made, 12, static_cast<std::uint32_t>(text.size()));
    std::memcpy(reinterpret_cast<void*>((made & ~std::uint64_t{3}) + 16), text.data(), text.size() * 2);
    return made;
  }
  // Of two parts, or a part from an offset, or another name of one.
  std::uint64_t rope(std::uint64_t of_map, std::size_t length, std::uint64_t first, std::uint64_t second = 0) {
    const std::uint64_t made = object(of_map, 32);
    write(made, 12, static_cast<std::uint32_t>(length));
    write(made, 16, first);
    write(made, 24, second);
    return made;
  }
  std::uint64_t bytes(const std::vector<std::uint8_t>& content) {
    const std::uint64_t made = object(array_map, 16 + content.size());
    write(made, 8, smi(static_cast<std::int64_t>(content.size())));
    std::copy(content.begin(), content.end(), reinterpret_cast<std::uint8_t*>((made & ~std::uint64_t{3}) + 16));
    return made;
  }
  std::uint64_t array(const std::vector<std::uint64_t>& words) {
    const std::uint64_t made = object(array_map, 16 + words.size() * 8);
    write(made, 8, smi(static_cast<std::int64_t>(words.size())));
    for (std::size_t i = 0; i < words.size(); ++i) write(made, static_cast<std::int64_t>(16 + i * 8), words[i]);
    return made;
  }
  std::uint64_t script(std::uint64_t name, std::uint64_t source, std::int32_t id) {
    const std::uint64_t made = object(script_map, 112);
    write(made, 8, source);
    write(made, 16, name);
    write(made, 24, smi(0));
    write(made, 64, smi(id));
    return made;
  }
  // `locals` names before it, a function variable with that name; start and end.
  std::uint64_t scope(std::uint64_t name, std::uint64_t inferred, std::int32_t start, unsigned locals = 0) {
    const std::uint64_t made = object(scope_map, 32 + 8 * (2 * locals + 6));
    const std::uint32_t flags = 2u | (name ? 3u << 12 : 0) | (inferred ? 1u << 14 : 0);
    write(made, 8, smi(flags));
    write(made, 24, smi(locals));
    std::int64_t at = 32 + 16 * std::int64_t{locals};
    if (name) write(made, at, name), at += 16;
    if (inferred) write(made, at, inferred), at += 8;
    write(made, at, smi(start));
    write(made, at + 8, smi(start + 10));
    return made;
  }
  // Positions as a table of bytes.
  std::uint64_t bytecodes(const std::vector<std::uint8_t>& code, const std::vector<std::uint8_t>& positions) {
    const std::uint64_t made = object(bytecodes_map, 64 + code.size());
    write(made, 8, smi(static_cast<std::int64_t>(code.size())));
    write(made, 24, bytes(positions));
    std::copy(code.begin(), code.end(), reinterpret_cast<std::uint8_t*>((made & ~std::uint64_t{3}) + 64));
    return made;
  }
  std::uint64_t shared(std::uint64_t name_or_scope, std::uint64_t script_, std::uint64_t data) {
    const std::uint64_t made = object(shared_map, 72);
    write(made, 8, data);
    write(made, 16, name_or_scope);
    write(made, 32, script_);
    return made;
  }
  std::uint64_t function(std::uint64_t of_shared) {
    const std::uint64_t made = object(function_map, 72);
    write(made, 32, of_shared);
    return made;
  }
  // An instruction stream of nops that begins with a prologue; its Code in `code`. Returns where the instructions start.
  std::uint64_t stream(std::uint32_t size, std::uint32_t kind, std::uint64_t deopt, std::uint64_t positions, std::uint64_t* code = nullptr) {
    const std::uint64_t object_ = object(code_map, 80);
    const std::uint64_t header = object(stream_map, 64 + size + 64);
    const std::uint64_t start = (header & ~std::uint64_t{3}) + 64;
    write(header, 8, object_);
    write(object_, 8, deopt);
    write(object_, 16, positions);
    write(object_, 40, start);
    write(object_, 48, kind);
    write(object_, 52, size);
    std::memset(reinterpret_cast<void*>(start), 0x90, size);
    write_bytes(start, std::string_view("\x55\x48\x89\xe5", 4));
    if (code) *code = object_;
    return start;
  }
};

// An unsigned number as V8 writes it, and a signed one.
inline void vlq(std::vector<std::uint8_t>& out, std::uint64_t value) {
  for (; value >= 128; value >>= 7) out.push_back(static_cast<std::uint8_t>(value | 128));
  out.push_back(static_cast<std::uint8_t>(value));
}
inline void zigzag(std::vector<std::uint8_t>& out, std::int64_t value) { vlq(out, static_cast<std::uint64_t>(value) << 1 ^ static_cast<std::uint64_t>(value >> 63)); }

// {code offset, source offset, inlining number} each, as tables up to V8 13.6 have them.
inline std::vector<std::uint8_t> position_table(const std::vector<std::array<std::int64_t, 3>>& entries) {
  std::vector<std::uint8_t> out;
  std::int64_t code = -1, position = 0;
  for (const auto& [at, offset, inlined] : entries) {
    const std::int64_t raw = (offset + 1) << 1 | (inlined + 1) << 31;
    zigzag(out, at - code);
    zigzag(out, raw - position);
    code = at, position = raw;
  }
  return out;
}

}  // namespace sampan::node

// HotSpot's encodings and the code of its stubs: decoded in bounds, in bounded time.
#include "samplers/java/heap.hpp"
#include "samplers/java/scopes.hpp"
#include "samplers/java/x86_follow.hpp"

using namespace sampan;
using namespace sampan::java;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const Bytes input = std::as_bytes(std::span(data + 1, size - 1));
  const auto excludes = static_cast<std::uint8_t>(data[0] & 1);
  const StackWord word = [&](std::uint64_t address) -> std::optional<std::uint64_t> {
    if (address % 3 == 0) return {};
    return address * 31;
  };
  const CodeState state{0x7ffd00000000, 0x7ffd00000100, (data[0] & 2) != 0};
  for (std::size_t at = 0; at < input.size() && at < 64; at += 4) {
    kArm64Code.follow_to_return(input, at, state, word, 200);
    kArm64Code.undo_prologue(input, at, state, word);
  }
  for (std::size_t at = 0; at < input.size() && at < 64; ++at) {
    const X86Instruction i = decode_x86(input.subspan(at));
    if (i.length > 15 || i.length > input.size() - at) __builtin_trap();
    follow_to_return(input, at, state, word, 200);
    undo_prologue(input, at, state, word);
  }
  bool exact = false;
  find_scope(input, static_cast<std::int32_t>(data[0]) * 7, exact);
  decode_lines(input, excludes);
  decode_field_stream(input, excludes);
  decode_field_shorts(input, data[0]);
  return 0;
}

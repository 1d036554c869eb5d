// V8's tables of variable-length numbers from any bytes.
#include <algorithm>

#include "samplers/node/positions.hpp"
#include "samplers/node/wasm.hpp"

using namespace sampan;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 4) return 0;
  const Bytes input = std::as_bytes(std::span(data, size)).subspan(4);
  const bool shifted = (data[0] & 1) != 0;
  const auto table = node::decode_positions(input, shifted);
  if (!std::is_sorted(table.begin(), table.end(), [](const auto& a, const auto& b) { return a.code < b.code; })) __builtin_trap();
  for (const std::int32_t at : {-1, 0, 100, 1 << 20}) node::position_at(table, at);
  const std::size_t half = input.size() / 2;
  const node::Row* row = node::find_row(12, 4);
  const std::uint32_t pc = read_at<std::uint16_t>(std::as_bytes(std::span(data, size)), 1);
  const auto offset = node::baseline_bytecode(input.first(half), input.subspan(half), row->bytecodes, pc);
  if (offset && *offset >= 0 && static_cast<std::size_t>(*offset) >= input.size() - half) __builtin_trap();
  FakeMemory memory;
  memory.put(4096, input);
  node::wasm_names(memory, 4096, input.size());
  return 0;
}

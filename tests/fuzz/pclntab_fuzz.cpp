// Go's line table of any bytes: no crash, no hang.
#include "samplers/unwind/go_rows.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sampan;
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  const auto table = GoPclntab::parse({bytes, bytes + size}, 0x401000);
  if (!table) return 0;
  for (const auto* cpu : {&sampan_x86_64, &sampan_aarch64}) compile_go_rows(*table, nullptr, 0x400000, *cpu);
  std::size_t looked = 0;
  for (const GoFunction& function : table->functions()) {
    if (++looked > 64) break;
    table->places(function.start);
    table->places(function.end - 1);
  }
  return 0;
}

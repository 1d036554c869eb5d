// Any bytes as x86-64 code without unwind rows: rows in order, in bounded time.
#include <cstdint>
#include <cstdlib>

#include "samplers/unwind/derived_rows.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sampan;
  constexpr std::uint64_t kAt = 0x1000;
  const Bytes code(reinterpret_cast<const std::byte*>(data), size);
  const std::uint64_t starts[] = {kAt, kAt + size / 3, kAt + size / 2};
  const auto rows = derive_rows(code, kAt, starts);
  for (std::size_t i = 1; i < rows.size(); ++i) {
    if (rows[i].pc <= rows[i - 1].pc) std::abort();
  }
  return 0;
}

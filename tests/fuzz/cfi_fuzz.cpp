// .eh_frame and .debug_frame of any bytes: no crash, rows in order, no more rows than bytes.
#include <cstdlib>

#include "samplers/unwind/cfi.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sampan;
  if (size < 1) return 0;
  const CfiSection section{Bytes(reinterpret_cast<const std::byte*>(data) + 1, size - 1), 0x1000, (data[0] & 1) != 0,
                           (data[0] & 2) != 0 ? sampan_aarch64 : sampan_x86_64};
  const Cfi cfi = compile_cfi(section, 0);
  for (std::size_t i = 1; i < cfi.rows.size(); ++i) {
    if (cfi.rows[i - 1].pc >= cfi.rows[i].pc) std::abort();
  }
  if (cfi.rows.size() > 2 * size + 2) std::abort();
  find_row(cfi.rows, size);
  overlay_rows(cfi.rows, std::span(cfi.rows).first(cfi.rows.size() / 2));
  return 0;
}

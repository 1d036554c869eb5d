// A perf map of any bytes, in pieces of any size: what is named lies in what was asked for.
#include <cstdlib>

#include "samplers/symbols/perf_map.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  sampan::PerfMapReader reader({0x1000, 0x2000, 0x7fff00001000, 0xffffffffffffffff});
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t piece = data[0] + 1u;
  for (std::size_t at = 0; at < text.size(); at += piece) reader.feed(text.substr(at, piece));
  if (reader.finish().size() > 4) std::abort();
  return 0;
}

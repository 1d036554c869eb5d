// Recorded stacks of any bytes: folded text, perf script, pprof, gzip of each, in two pieces.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "flamegraph/formats/pprof.hpp"
#include "flamegraph/formats/recorded.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sampan;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  Profile profile;
  RecordedStacks stacks(profile);
  const bool good = stacks.feed(bytes.substr(0, size / 2)) && stacks.feed(bytes.substr(size / 2)) && stacks.finish();
  if (good != stacks.error().empty()) std::abort();
  Profile bare;
  add_pprof(bare, bytes);
  to_folded(bare);
  return 0;
}

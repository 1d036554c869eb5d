// A picture of any bytes, read back: what is taken is drawn again, in whole and as a window, and merges with itself.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "flamegraph/formats/firefox.hpp"
#include "flamegraph/formats/speedscope.hpp"
#include "flamegraph/merge.hpp"
#include "flamegraph/svg/read.hpp"
#include "flamegraph/svg/svg.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sampan;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  // Few inputs would have the head by chance.
  const std::string whole = "<profile xmlns=\"urn:sampan:profile\" version=\"1\"" + std::string(text) + "</profile>";
  Profile profile;
  if (!read_svg(whole, profile).empty()) return 0;
  Profile again;
  if (!read_svg(render_svg(profile), again).empty() || again.total() != profile.total()) std::abort();
  render_svg(window_of(profile, profile.moments.tick_ns(), profile.moments.end_ns() / 2 + 1));
  to_firefox(profile);
  to_speedscope(profile);
  Profile both;
  merge(both, profile);
  merge(both, again);
  if (both.total() != 2 * profile.total()) std::abort();
  return 0;
}

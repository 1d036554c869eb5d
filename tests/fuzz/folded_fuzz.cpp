// Folded text of any bytes, through every format: what is read is written the same again, and no format breaks.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "flamegraph/diff.hpp"
#include "flamegraph/formats/folded.hpp"
#include "flamegraph/formats/pprof.hpp"
#include "flamegraph/formats/speedscope.hpp"
#include "flamegraph/svg/svg.hpp"

namespace {

// No format may let a control through, nor a tag that the renderer did not write.
void check(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 && c != '\n') std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sampan;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Profile profile;
  const FoldedRead read = add_folded(profile, text);
  if (read.bad > read.lines) std::abort();
  const std::string folded = to_folded(profile);
  check(folded);
  Profile again;
  if (add_folded(again, folded).bad != 0 || again.total() != profile.total()) std::abort();
  profile.description.title = text.substr(0, 64);
  profile.description.notes.emplace_back(text.substr(0, 64));
  Picture picture;
  picture.reverse = size % 2 != 0;
  picture.most_frames = size % 3 == 0 ? 5 : 0;
  const std::string svg = render_svg(profile, picture);
  check(svg);
  if (svg.find("<script", svg.find("<script") + 1) != std::string::npos) std::abort();
  check(to_speedscope(profile));
  if (to_pprof(profile).empty()) std::abort();
  const Profile both = diff(again, profile);
  check(render_svg(both, picture));
  return 0;
}

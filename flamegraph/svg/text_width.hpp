// How wide text is in a wide sans-serif face, about: nothing can be measured here.
#pragma once

#include <cstddef>
#include <string_view>

namespace sampan {

struct Fit {
  std::size_t bytes;
  double width;       // of those bytes, in pixels
};

// How many bytes of clean text, in letters of `size` pixels, fit into `width` pixels.
Fit fit(std::string_view text, double width, double size);

}  // namespace sampan

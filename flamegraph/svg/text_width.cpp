#include "flamegraph/svg/text_width.hpp"

#include <array>

namespace sampan {
namespace {

// Advances of ASCII, in em.
constexpr std::array<double, 128> kAdvances = [] {
  std::array<double, 128> all{};
  for (std::size_t c = 0; c < all.size(); ++c) all[c] = c >= 'A' && c <= 'Z' ? 0.7 : 0.61;
  for (const char c : {'i', 'l', 'j', 'I', '.', ',', ':', ';', '\'', '|', '!', '(', ')', '[', ']', ' ', 'f', 't', '/'}) {
    all[static_cast<std::size_t>(c)] = 0.38;
  }
  for (const char c : {'m', 'w', 'M', 'W', '@', '%'}) all[static_cast<std::size_t>(c)] = 0.96;
  return all;
}();

}  // namespace

Fit fit(std::string_view text, double width, double size) {
  double used = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto lead = static_cast<unsigned char>(text[at]);
    const std::size_t bytes = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    const double next = (lead < 0x80 ? kAdvances[lead] : bytes > 2 ? 1 : 0.61) * size;
    if (used + next > width) return {at, used};
    used += next;
    at += bytes;
  }
  return {text.size(), used};
}

}  // namespace sampan

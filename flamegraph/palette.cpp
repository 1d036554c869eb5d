#include "flamegraph/palette.hpp"

#include <algorithm>
#include <cmath>

namespace sampan {

std::size_t strength(std::string_view function) {
  std::uint32_t hash = 2166136261u;  // FNV-1a, as viewer/chart.js computes it
  for (char c : function) {
    if (static_cast<unsigned char>(c) < 0x80) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  }
  return (hash ^ (hash >> 13)) % kStrengths.size();
}

int change_step(std::uint64_t before, std::uint64_t after) {
  if (before == after) return 0;
  const auto b = static_cast<double>(before), a = static_cast<double>(after);
  const double change = (a - b) / std::max(a, b);
  const double size = std::ceil(std::min(std::abs(change) * 4, 4.0));
  return static_cast<int>(change < 0 ? -size : size);
}

}  // namespace sampan

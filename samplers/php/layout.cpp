#include "samplers/php/layout.hpp"

#include <algorithm>
#include <iterator>

namespace sampan::php {
namespace {

constexpr Layout kLayouts[] = {
    {20151012, "7.0", 472, 480, 120, 64, 25},
    {20160303, "7.1", 472, 480, 120, 64, 25},
    {20170718, "7.2", 472, 480, 120, 64, 25},
    {20180731, "7.3", 472, 488, 128, 64, 17},
    {20190902, "7.4", 472, 488, 136, 64, 17},
    {20200930, "8.0", 472, 488, 144, 56, 17},
    {20210902, "8.1", 472, 488, 144, 56, 17},
    {20220829, "8.2", 472, 488, 152, 56, 17},
    {20230831, "8.3", 472, 488, 144, 56, 17},
    {20240924, "8.4", 472, 488, 168, 56, 17},
    {20250925, "8.5", 496, 512, 168, 56, 17},
    {20260924, "8.6", 496, 512, 168, 56, 17},
};

}  // namespace

std::span<const Layout> layouts() { return kLayouts; }

const Layout* find_layout(std::uint32_t api) {
  const auto after = std::find_if(std::begin(kLayouts), std::end(kLayouts), [&](const Layout& row) { return row.api > api; });
  return after == std::begin(kLayouts) ? nullptr : std::prev(after);
}

}  // namespace sampan::php

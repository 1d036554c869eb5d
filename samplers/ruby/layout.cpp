#include "samplers/ruby/layout.hpp"

#include <algorithm>
#include <iterator>

namespace sampan::ruby {
namespace {

constexpr Layout kLayouts[] = {
  // since       vm: threads main objspace flags ractor: node threads running   thread: vm ec native descr. tid    ec fr jit    body: insns size index local jit entry line  class: ext path att bit  string
  {{2, 5, 0}, {312, 280, 1168, 16}, {kNone, 0, 288},   {24, 32, kNone, 72, kNone}, 72, 48, kNone, {112, 200, kNone, 144, kNone, 12, 4}, {kNone, 8, 8, 12}, 16, false},
  {{2, 5, 4}, {320, 280, 1176, 16}, {kNone, 0, 288},   {24, 32, kNone, 72, kNone}, 72, 48, kNone, {112, 200, kNone, 144, kNone, 12, 4}, {kNone, 8, 8, 12}, 16, false},
  {{2, 6, 0}, {312, 192, 1224, 16}, {kNone, 0, 200},   {24, 32, kNone, 72, kNone}, 56, 56, kNone, {120, 136, 144, 176, 264, 8, 0},      {kNone, 8, 8, 12}, 16, false},
  {{2, 7, 0}, {312, 192, 1152, 16}, {kNone, 0, 200},   {24, 32, kNone, 72, kNone}, 56, 56, kNone, {120, 136, 144, 176, 256, 8, 0},      {kNone, 8, 8, 12}, 16, false},
  {{3, 0, 0}, {8, 40, 1088, 16},    {568, 304, 520},   {32, 40, kNone, 80, kNone}, 56, 56, kNone, {120, 136, 144, 176, 264, 8, 0},      {kNone, 8, 8, 12}, 16, false},
  {{3, 1, 0}, {8, 40, 1104, 16},    {568, 304, 520},   {32, 40, kNone, 80, 88},    48, 64, 56,    {120, 136, 144, 176, 280, 12, 0},     {kNone, 8, 8, 12}, 16, false},
  {{3, 1, 5}, {8, 40, 1112, 16},    {568, 304, 520},   {32, 40, kNone, 80, 88},    48, 64, 56,    {120, 136, 144, 176, 280, 12, 0},     {kNone, 8, 8, 12}, 16, false},
  {{3, 2, 0}, {8, 40, 1128, 16},    {568, 304, 520},   {32, 48, 40, 8, 16},        48, 64, 56,    {112, 128, 136, 168, 288, 12, 0},     {32, 120, kNone, 12}, 16, true},
  {{3, 2, 3}, {8, 40, 1136, 16},    {568, 304, 520},   {32, 48, 40, 8, 16},        48, 64, 56,    {112, 128, 136, 168, 288, 12, 0},     {32, 120, kNone, 12}, 16, true},
  {{3, 2, 4}, {8, 40, 1144, 16},    {568, 304, 520},   {32, 48, 40, 8, 16},        48, 64, 56,    {112, 128, 136, 168, 288, 12, 0},     {32, 120, kNone, 12}, 16, true},
  {{3, 3, 0}, {8, 40, 1304, 16},    {432, 256, 384},   {32, 48, 40, 16, 24},       48, 56, 48,    {112, 128, 136, 168, 288, 12, 0},     {32, 120, 96, 12}, 16, true},
  {{3, 4, 0}, {8, 40, 1296, 20},    {432, 256, 384},   {32, 48, 40, 16, 24},       48, 56, 48,    {112, 128, 136, 168, 296, 12, 0},     {32, 120, 96, 13}, 16, true},
  {{4, 0, 0}, {8, 40, 1248, 20},    {360, 184, 312},   {32, 48, 40, 16, 24},       48, 56, 48,    {112, 128, 136, 176, 304, 12, 0},     {24, 128, 112, 13}, 16, true},
  {{4, 0, 6}, {8, 40, 1256, 20},    {368, 184, 320},   {32, 48, 40, 16, 24},       48, 56, 48,    {112, 128, 136, 176, 304, 12, 0},     {24, 128, 112, 13}, 16, true},
};

}  // namespace

std::span<const Layout> layouts() { return kLayouts; }

const Layout* find_layout(Version version) {
  const auto after = std::find_if(std::begin(kLayouts), std::end(kLayouts),
                                  [&](const Layout& row) { return row.since > version; });
  return after == std::begin(kLayouts) ? nullptr : std::prev(after);
}

}  // namespace sampan::ruby

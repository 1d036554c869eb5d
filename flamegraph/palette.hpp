// Colour says the language, its strength the function; the same in every picture, told apart by colour-blind eyes.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "flamegraph/profile.hpp"

namespace sampan {

struct Hue {
  FrameKind kind;
  char code;                  // in the data layer and as CSS class `k-…`
  std::string_view language;  // in the legend; kinds of one language share its name
  std::string_view light;     // fill in the light theme
  std::string_view dark;      // and in the dark theme
};

// The rows of kinds.def, in the order of FrameKind; cmake/style.cmake makes the viewer's style of the same rows.
inline constexpr auto kHues = std::to_array<Hue>({
#define KIND(enumerator, code, language, light, dark, ...) {FrameKind::enumerator, code, language, light, dark},
#include "flamegraph/kinds.def"
});

inline constexpr const Hue& hue(FrameKind kind) { return kHues[static_cast<std::size_t>(kind)]; }

// How strongly a function's hue is laid on, by its name: one of four steps of fill-opacity.
inline constexpr std::array<std::string_view, 4> kStrengths{"1", ".86", ".72", ".58"};
std::size_t strength(std::string_view function);

// Of a diff: from -4 (gone) over 0 (the same) to 4 (new), by the change relative to the larger of both.
int change_step(std::uint64_t before, std::uint64_t after);
inline constexpr std::array<std::string_view, 9> kChanges{"#3f8fd0", "#70aede", "#9fcaea", "#cbe0f1", "#dedede",
                                                          "#fae0c4", "#f8c48f", "#f3a459", "#e8842a"};

}  // namespace sampan

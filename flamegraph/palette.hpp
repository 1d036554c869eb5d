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
  std::string_view light;     // fill in the light theme, behind dark text
  std::string_view dark;      // and in the dark theme, behind light text; viewer.css holds the same
};

// One row a kind, in the order of FrameKind.
inline constexpr std::array<Hue, 13> kHues{{
    {FrameKind::Process, 'p', "Process", "#c5ced9", "#3d4754"},
    {FrameKind::Thread, 't', "Thread", "#dce2e9", "#313a45"},
    {FrameKind::Python, 'y', "Python", "#f7c04a", "#7d5600"},
    {FrameKind::Ruby, 'r', "Ruby", "#f58f82", "#8c2f2b"},
    {FrameKind::Php, 'h', "PHP", "#b3a3f0", "#54429c"},
    {FrameKind::Java, 'j', "Java", "#f4a25c", "#8a4210"},
    {FrameKind::JavaInterpreted, 'i', "Java", "#f8c9a0", "#6b3a1a"},
    {FrameKind::JavaInlined, 'l', "Java", "#eab583", "#7a4a22"},
    {FrameKind::Node, 'n', "Node.js", "#8fd07f", "#2d6a2c"},
    {FrameKind::Go, 'g', "Go", "#63cdd2", "#0b6570"},
    {FrameKind::Native, 'c', "native", "#94bdea", "#2c568c"},
    {FrameKind::Kernel, 'k', "kernel", "#dd9ecb", "#80386d"},
    {FrameKind::Note, 'u', "unknown", "#cfcfcb", "#4c4c4a"},
}};

inline constexpr const Hue& hue(FrameKind kind) { return kHues[static_cast<std::size_t>(kind)]; }

// How strongly a function's hue is laid on, by its name: one of four steps of fill-opacity.
inline constexpr std::array<std::string_view, 4> kStrengths{"1", ".86", ".72", ".58"};
std::size_t strength(std::string_view function);

// Of a diff: from -4 (gone) over 0 (the same) to 4 (new), by the change relative to the larger of both.
int change_step(std::uint64_t before, std::uint64_t after);
inline constexpr std::array<std::string_view, 9> kChanges{"#3f8fd0", "#70aede", "#9fcaea", "#cbe0f1", "#dedede",
                                                          "#fae0c4", "#f8c48f", "#f3a459", "#e8842a"};

}  // namespace sampan

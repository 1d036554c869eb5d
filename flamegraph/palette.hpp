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
  std::string_view dark;      // and in the dark theme, behind dark text too: dark yellows are mud; viewer.css holds the same
};

// One row a kind, in the order of FrameKind.
inline constexpr std::array<Hue, 13> kHues{{
    {FrameKind::Process, 'p', "Process", "#c5ced9", "#98a4b3"},
    {FrameKind::Thread, 't', "Thread", "#dce2e9", "#b3bdc9"},
    {FrameKind::Python, 'y', "Python", "#f7c04a", "#e2aa3c"},
    {FrameKind::Ruby, 'r', "Ruby", "#f58f82", "#e57c70"},
    {FrameKind::Php, 'h', "PHP", "#b3a3f0", "#a392ea"},
    {FrameKind::Java, 'j', "Java", "#f4a25c", "#e08f4a"},
    {FrameKind::JavaInterpreted, 'i', "Java", "#f8c9a0", "#eab98d"},
    {FrameKind::JavaInlined, 'l', "Java", "#eab583", "#c99a6e"},
    {FrameKind::Node, 'n', "Node.js", "#8fd07f", "#79bd69"},
    {FrameKind::Go, 'g', "Go", "#63cdd2", "#48b7bd"},
    {FrameKind::Native, 'c', "native", "#94bdea", "#76a7de"},
    {FrameKind::Kernel, 'k', "kernel", "#dd9ecb", "#cf88bc"},
    {FrameKind::Note, 'u', "unknown", "#cfcfcb", "#a3a39f"},
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

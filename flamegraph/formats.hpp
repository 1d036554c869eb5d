// The registry of output formats, made from formats.def.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace sampan {

class Profile;
struct Picture;

// One row; rows live as long as the program, so that a format is known by its address.
struct Format {
  std::string_view name;           // as params, events and templates say it
  std::string_view suffix;         // of its files' names, without the dot
  std::string_view content_type;
  // The whole file's bytes; may throw std::bad_alloc. What is about drawing concerns the picture only.
  std::string (*write)(const Profile& profile, const Picture& picture);
};

std::span<const Format> formats();
// nullptr where no format bears the name.
const Format* find_format(std::string_view name);

#define FORMAT(name, suffix, content_type) std::string write_##name(const Profile& profile, const Picture& picture);
#include "flamegraph/formats.def"
#undef FORMAT

}  // namespace sampan

#include "flamegraph/formats.hpp"

#include <algorithm>

namespace sampan {

std::span<const Format> formats() {
  static constexpr Format kRows[] = {
#define FORMAT(name, suffix, content_type) {#name, suffix, content_type, write_##name},
#include "flamegraph/formats.def"
#undef FORMAT
  };
  return kRows;
}

const Format* find_format(std::string_view name) {
  const auto rows = formats();
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const Format& row) { return row.name == name; });
  return found == rows.end() ? nullptr : &*found;
}

}  // namespace sampan

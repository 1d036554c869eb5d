#include "samplers/runtimes.hpp"

#include <vector>

namespace sampan {

// Each runtime folder defines `Runtime <name>_runtime()`.
#define RUNTIME(name) Runtime name##_runtime();
#include "samplers/runtimes.def"
#undef RUNTIME

std::span<const Runtime> runtimes() {
  static const std::vector<Runtime> rows = {
#define RUNTIME(name) name##_runtime(),
#include "samplers/runtimes.def"
#undef RUNTIME
  };
  return rows;
}

const Runtime* find_runtime(std::string_view name) {
  for (const Runtime& row : runtimes()) {
    if (name == row.name) return &row;
  }
  return nullptr;
}

}  // namespace sampan

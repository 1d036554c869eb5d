#include "samplers/runtimes.hpp"

#include <vector>

namespace sampan {

// Each runtime folder defines `Runtime <name>_runtime()`.
#define RUNTIME(runtime, ...) Runtime runtime##_runtime();
#include "flamegraph/kinds.def"

std::span<const Runtime> runtimes() {
  static const std::vector<Runtime> rows = {
#define RUNTIME(runtime, ...) runtime##_runtime(),
#include "flamegraph/kinds.def"
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

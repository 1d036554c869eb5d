// The registry of runtimes, made from flamegraph/kinds.def.
#pragma once

#include <span>
#include <string_view>

#include "samplers/sampler.hpp"

namespace sampan {

std::span<const Runtime> runtimes();
// nullptr where no runtime bears the name.
const Runtime* find_runtime(std::string_view name);

}  // namespace sampan

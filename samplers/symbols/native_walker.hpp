// The walker of runtimes whose frames are the machine's own and nothing more.
#pragma once

#include <memory>

#include "samplers/sampler.hpp"

namespace sampan {

// Process and context outlive it. A Runtime's `open`.
Result<std::unique_ptr<Walker>> open_native_walker(Process& process, Context& context);

}  // namespace sampan

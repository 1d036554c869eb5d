// Whether a process can be sampled at all, whatever it runs.
#pragma once

#include "samplers/process/process.hpp"

namespace sampan {

// Fails with NotPermitted where its memory may not be read, TargetEnded where it is gone, CannotSample where it has 32 bits.
Result<void> admit(const Process& process);

}  // namespace sampan

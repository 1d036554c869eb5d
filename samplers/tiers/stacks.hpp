// The frames above a stack that say whose it is: one root per process and thread, as the user grouped them.
#pragma once

#include <vector>

#include "samplers/sampler.hpp"

namespace sampan {

// Clears `stack` and begins it with the target's Process and the thread's Thread frame, where asked for.
void begin_stack(Context& context, const Target& target, Thread& thread, std::vector<FrameId>& stack);

}  // namespace sampan

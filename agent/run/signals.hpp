// SIGTERM and SIGINT ask the run to end early, with what there is. As PID 1 of a container nothing is handled unless
// a handler is installed.
#pragma once

#include <cstdint>

namespace sampan {

void install_signal_handlers();
// How often one of them came: 1 stops sampling, 2 gives up delivery too.
int signals_seen();
// Monotonic nanoseconds of the first; 0: none came.
std::uint64_t first_signal_ns();

// Counts SIGUSR1 or SIGUSR2 from now on, which would else end the agent.
void count_signal(int signal);
unsigned times_signalled(int signal);

}  // namespace sampan

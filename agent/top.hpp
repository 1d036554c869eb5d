// The mode `top`: a live table of the hottest functions on a terminal, or as text every few seconds where there is none.
#pragma once

#include "agent/outcome.hpp"
#include "agent/params.hpp"
#include "agent/progress.hpp"

namespace sampan {

// Runs until `seconds` are over where they were given, else until `q` or a signal.
Outcome run_top(const Params& params, Progress& progress);

}  // namespace sampan

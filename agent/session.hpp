// The straight line: params, discover, sample, fold, render, deliver.
#pragma once

#include "agent/outcome.hpp"
#include "agent/params.hpp"
#include "agent/progress.hpp"

namespace sampan {

// One profile from end to end; every failure is in the outcome.
Outcome profile_once(const Params& params, Progress& progress);

// What the params' mode asks for; tells each result. Returns the exit code.
Exit run_session(const Params& params, Progress& progress);

}  // namespace sampan

// The mode `top`: a live table of the hottest functions on a terminal, or as text every few seconds where there is none.
#pragma once

#include <string>

#include "agent/contract/stages.hpp"
#include "agent/result/progress.hpp"
#include "agent/result/run_result.hpp"

namespace sampan {

// Runs until `seconds` are over where they were given, else until `q` or a signal.
RunResult run_top(const TargetKeys& keys, SamplingOptions sampling, const std::string& title, Progress& progress);

}  // namespace sampan

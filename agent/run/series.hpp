// `every` and `count`: one profile after another, on a fixed grid of times, or, of a recorder, as often as it fires; with
// bounded disk.
#pragma once

#include <functional>

#include "agent/contract/stages.hpp"
#include "agent/result/progress.hpp"
#include "agent/result/run_result.hpp"

namespace sampan {

// Runs `once` as often as the options say and tells each result. A deterministic failure or a signal ends the series;
// what else fails does not. Returns the last failure's code, or Delivered.
Exit run_series(const SeriesOptions& options, Progress& progress, const std::function<RunResult()>& once);

}  // namespace sampan

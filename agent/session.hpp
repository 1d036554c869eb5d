// The straight line: params, discover, sample, fold, render, deliver.
#pragma once

#include "agent/contract/params.hpp"
#include "agent/result/progress.hpp"
#include "agent/result/run_result.hpp"
#include "agent/run/recorder.hpp"

namespace sampan {

class Courier;   // null: every file is sent at once

// One profile from end to end, of `seconds` or of what a recorder keeps; every failure is in the outcome.
RunResult profile_once(const Params& params, Courier* courier, Progress& progress, Recorder* recorder = nullptr);

// What the params' mode asks for; tells each result. Returns the exit code.
Exit run_session(const Params& params, Courier* courier, Progress& progress);

}  // namespace sampan

// Why a profile shows little or nothing, in one sentence: an idle target, reads that failed, work in children or outside the
// interpreter, stacks without their ends, code without names.
#pragma once

#include <string>

#include "agent/contract/stages.hpp"
#include "agent/result/run_result.hpp"

namespace sampan {

struct Diagnosis {
  Exit code = Exit::Delivered;   // CannotSample where threads ran and no stack of them was seen
  std::string sentence;          // empty: nothing to say
};

Diagnosis diagnose(const Profile& profile, const Options& options, const Sampled& sampled);

}  // namespace sampan

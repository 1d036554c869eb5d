// From a profile to files in memory, and what their titles and notes say.
#pragma once

#include <string>
#include <vector>

#include "agent/outcome.hpp"
#include "agent/params.hpp"

namespace sampan {

// Fills the profile's description: title, subtitle, units, times, and the quality of the data in sentences.
void describe(Profile& profile, const Params& params, const Sampled& sampled, std::uint64_t started_ns);

// One file per format, named after the target and the time at which sampling began.
std::vector<Artifact> draw(const Profile& profile, const Params& params, std::uint64_t started_ns);

// The outcome's exit code and sentence from what was written and delivered. `unwritten` is why a file could not be
// written, empty where all were; `files_only`: there is no other destination.
void judge_delivery(Outcome& outcome, const std::string& unwritten, bool files_only);

}  // namespace sampan

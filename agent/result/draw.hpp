// From a profile to files in memory, and what their titles and notes say.
#pragma once

#include <string>
#include <vector>

#include "agent/contract/stages.hpp"
#include "agent/result/run_result.hpp"

namespace sampan {

// Fills the profile's description: title, subtitle, units, times, and the quality of the data in sentences.
void describe(Profile& profile, const PictureOptions& options, Event event, const Sampled& sampled, std::uint64_t started_ns);

// One file per format, named after the label and the time at which it began, with what was sampled beside them.
RunResult draw(const Profile& profile, const PictureOptions& options, Sampled sampled, std::uint64_t started_ns);

}  // namespace sampan

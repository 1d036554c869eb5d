// The loop: one clock for all processes. Workers that come while sampling are taken in, those that end let go.
#pragma once

#include "agent/discovery.hpp"
#include "agent/outcome.hpp"
#include "agent/params.hpp"
#include "agent/progress.hpp"

namespace sampan {

// Samples until the time is over, a signal came, or the targets are gone. Fails where nothing could be sampled.
Result<Sampled> sample(const Params& params, Discovery& discovery, Profile& profile, Progress& progress);

}  // namespace sampan

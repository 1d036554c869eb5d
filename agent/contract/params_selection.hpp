// The keys of params that say whose processes of a whole node are sampled, and how results are parted and labelled.
#pragma once

#include "agent/contract/stages.hpp"
#include "agent/contract/strict_json.hpp"

namespace sampan {

void read_selection(StrictJson& reader, Selection& selection);
void check_selection(Reading& reading, const Selection& selection, unsigned rate, SplitBy split_by);

// `group_by`, `split_by` and `labels`: frames above stacks, results and what they bear.
void read_grouping(StrictJson& reader, const Selection& selection, SamplingOptions& sampling, PictureOptions& picture);

}  // namespace sampan

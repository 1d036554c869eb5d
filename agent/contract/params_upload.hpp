// The part of params that says where files go.
#pragma once

#include "agent/contract/stages.hpp"
#include "agent/contract/strict_json.hpp"

namespace sampan {

const StrictJson::Choices<const Format*>& format_choices();

// The key `upload`: one object or a list.
void read_uploads(StrictJson& reader, std::vector<Upload>& into);

}  // namespace sampan

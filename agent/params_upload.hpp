// The part of params that says where files go.
#pragma once

#include "agent/params.hpp"
#include "agent/reader.hpp"

namespace sampan {

const Reader::Choices<Format>& format_choices();

// The key `upload`: one object or a list.
void read_uploads(Reader& reader, std::vector<Upload>& into);

}  // namespace sampan

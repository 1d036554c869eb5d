// A kind of destination, as far as params go: the contract reads `upload` by what each row of agent/delivery/sinks/sinks.def
// says of itself, and names none of them.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "agent/contract/strict_json.hpp"

namespace sampan {

// What only one kind takes: each derives its own, and alone knows which.
struct SinkKeys {
  virtual ~SinkKeys() = default;
};

struct SinkKind {
  std::string_view name;                     // in sentences: the key of `upload` that chooses it; empty: where no other is
  std::string_view schema;                   // the properties that it adds to `upload`: a JSON object of JSON Schemas
  std::string_view method;                   // the only one that it takes; empty: PUT, which is the default, or POST
  std::string_view scheme;                   // of URLs that it takes beside http:// and https://; empty: none
  std::vector<std::string_view> formats;     // of a profile it takes one file, the first of these that there is; empty: all
  // Reads its keys, so that they are known; null where it is not chosen.
  std::shared_ptr<const SinkKeys> (*read)(StrictJson& upload) = nullptr;
};

// In the order of the table; the first is the plain one.
std::vector<const SinkKind*> sink_kinds();

}  // namespace sampan

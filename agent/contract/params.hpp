// The contract: one JSON object in the environment variable `params`. Strict: what is not in the table is an error.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/contract/instants.hpp"
#include "agent/contract/modes.hpp"
#include "agent/contract/stages.hpp"
#include "samplers/base/result.hpp"

namespace sampan {

// A sum: the session hands each stage its own part.
struct Params {
  Mode mode = Mode::Profile;
  TargetKeys target;
  SamplingOptions sampling;
  PictureOptions picture;
  DeliveryOptions delivery;
  SeriesOptions series;
  std::vector<std::string> inputs;           // folded files, pictures or URLs, of the modes that draw what was recorded
  WindowOptions window;                      // what of them
  CompareOptions compare;
};

// The sentence of a failure names the key, the value and what is allowed; exit code 2.
Result<Params> parse_params(std::string_view json);
// From the environment: `params`, else `PARAMS`, else the file that `params_file` names.
Result<Params> read_params();

// agent/params.schema.json with what the registries add: formats, and each destination's keys.
const std::string& params_schema();
// The keys that the parser knows, dotted (`upload.s3.region`), sorted; for the test against the schema.
std::vector<std::string> params_keys();

}  // namespace sampan

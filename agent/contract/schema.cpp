// agent/params.schema.json, completed by what the registries know: formats, and the keys of each kind of destination.
#include <nlohmann/json.hpp>

#include "agent/contract/params.hpp"
#include "agent/contract/sink_kind.hpp"
#include "flamegraph/formats.hpp"

extern const char params_schema_json[];
extern const char params_schema_json_end[];

namespace sampan {
namespace {

using Json = nlohmann::ordered_json;

std::string completed() {
  Json schema = Json::parse(params_schema_json, params_schema_json_end);
  Json& definitions = schema["$defs"];
  Json names = Json::array();
  for (const Format& format : formats()) names.push_back(format.name);
  definitions["formats"]["oneOf"][1]["maxItems"] = names.size();
  definitions["format"]["enum"] = std::move(names);
  for (const SinkKind* kind : sink_kinds()) {
    definitions["upload"]["properties"].update(Json::parse(kind->schema));
  }
  return schema.dump(1) + "\n";
}

}  // namespace

const std::string& params_schema() {
  static const std::string text = completed();
  return text;
}

}  // namespace sampan

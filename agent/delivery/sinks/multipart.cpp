// multipart/form-data: the file, fields of the user's, and a JSON part that says what the file is.
#include <nlohmann/json.hpp>

#include "agent/contract/clock.hpp"
#include "agent/delivery/sinks/sink.hpp"
#include "agent/guard/redact.hpp"

namespace sampan {
namespace {

constexpr std::string_view kSchema = R"json({
 "form": {
  "type": "object", "maxProperties": 64, "additionalProperties": {"type": "string", "maxLength": 8192},
  "propertyNames": {"minLength": 1, "maxLength": 256},
  "description": "Fields of multipart/form-data; values are templates"
 },
 "multipart": {
  "type": "boolean", "default": false,
  "description": "multipart/form-data with the file and a JSON metadata part"
 }
})json";

struct Multipart : SinkKeys {
  std::map<std::string, std::string> form;   // field -> template; `@file` is where the file goes
};

std::shared_ptr<const SinkKeys> read(StrictJson& upload) {
  auto keys = std::make_shared<Multipart>();
  bool wanted = false;
  upload.map("form", keys->form);
  upload.flag("multipart", wanted);
  if (!wanted && keys->form.empty()) return nullptr;
  return keys;
}

// What the receiver may want to file it by; the JSON part beside the file.
std::string metadata_of(const Batch& batch, const Artifact& file) {
  const nlohmann::json json = {
      {"app_name", batch.app_name}, {"version_id", batch.version_id}, {"pod", batch.pod}, {"node", batch.node}, {"run", batch.run},
      {"name", file.name}, {"format", file.format}, {"content_type", file.content_type}, {"bytes", file.bytes.size()},
      {"sha256", file.sha256}, {"rate", batch.rate}, {"started", iso_time(batch.started_ns)},
      {"seconds", static_cast<double>(batch.duration_ns) / 1e9}};
  return json.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

Result<void> complete(const Shipment& shipment, Request& request) {
  const auto& form = static_cast<const Multipart&>(*shipment.upload.keys).form;
  bool placed = false;
  for (const auto& [name, value] : form) {
    if (value == "@file") {
      request.form.push_back(file_part(name, shipment.file));
      placed = true;
      continue;
    }
    auto text = expand(value, shipment.words);
    if (!text) return tl::unexpected(text.error());
    if (names_secret(name)) shipment.progress.hide(*text);
    request.form.push_back({.name = name, .value = std::move(*text)});
  }
  if (!form.contains("metadata")) {
    request.form.push_back({.name = "metadata", .value = metadata_of(shipment.batch, shipment.file), .content_type = "application/json"});
  }
  if (!placed) request.form.push_back(file_part("file", shipment.file));
  return {};
}

}  // namespace

Sink multipart_sink() { return {{.name = "form", .schema = kSchema, .method = "POST", .scheme = "", .formats = {}, .read = read}, complete}; }

}  // namespace sampan

// Pyroscope's /ingest; the URL is the server's. One file of a profile goes there (with split_by: of each part), or its time
// would be counted twice.
#include <algorithm>

#include "agent/delivery/sinks/sink.hpp"
#include "agent/guard/url.hpp"

namespace sampan {
namespace {

constexpr std::string_view kSchema = R"json({
 "pyroscope": {
  "type": "object", "additionalProperties": false, "description": "The URL is a Pyroscope server's: /ingest is posted to",
  "properties": {
   "name": {"type": "string", "minLength": 1, "maxLength": 256, "description": "Application name; absent: app_name"},
   "labels": {
    "type": "object", "maxProperties": 64,
    "additionalProperties": {"type": "string", "maxLength": 8192, "pattern": "^[^{},=\"]+$"},
    "propertyNames": {"minLength": 1, "maxLength": 256, "pattern": "^[a-zA-Z_][a-zA-Z0-9_]*$"},
    "description": "Labels of the series"
   },
   "tenant": {"type": "string", "minLength": 1, "maxLength": 256, "description": "X-Scope-OrgID"}
  }
 }
})json";

struct Pyroscope : SinkKeys {
  std::string name;                          // empty: app_name
  std::map<std::string, std::string> labels;
  std::string tenant;                        // X-Scope-OrgID
};

// Names as Prometheus has them; values stand between braces, with commas between them.
void check_labels(Reading& reading, const std::map<std::string, std::string>& labels) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_", kDigits = "0123456789";
  for (const auto& [name, value] : labels) {
    if (name.find_first_not_of(std::string(kLetters) + std::string(kDigits)) != std::string::npos || name.empty() || kDigits.find(name[0]) != std::string_view::npos) {
      reading.refuse("upload.pyroscope.labels: a label's name is made of letters, digits and _, and does not begin with a digit");
    }
    if (value.empty() || value.find_first_of("{},=\"\n") != std::string::npos) {
      reading.refuse("upload.pyroscope.labels.{}: a label's value may not be empty nor hold any of {{ }} , = \" or a line break", name);
    }
  }
}

std::shared_ptr<const SinkKeys> read(StrictJson& upload) {
  auto pyroscope = std::make_shared<Pyroscope>();
  const bool given = upload.nested("pyroscope", [&](StrictJson& reader) {
    reader.text("name", pyroscope->name, 256);
    reader.map("labels", pyroscope->labels);
    reader.text("tenant", pyroscope->tenant, 256);
  });
  if (!given) return nullptr;
  check_labels(upload.reading(), pyroscope->labels);
  if (pyroscope->name.find_first_of("{}") != std::string::npos) {
    upload.reading().refuse("upload.pyroscope.name holds a brace: labels stand in upload.pyroscope.labels");
  }
  return pyroscope;
}

// The series' name; what Pyroscope would take for labels of its own in a name that nobody wrote down as one is replaced.
// Of one result of several, its own labels go with it.
std::string series_of(const Pyroscope& pyroscope, const Batch& batch, const Artifact& file) {
  std::string name = pyroscope.name.empty() ? batch.app_name : pyroscope.name;
  for (char& c : name) {
    if (c == '{' || c == '}') c = '_';
  }
  std::map<std::string, std::string> all = file.labels;
  for (auto& [key, value] : all) std::replace_if(value.begin(), value.end(), [](char c) { return std::string_view("{},=\"\n").find(c) != std::string_view::npos; }, '_');
  for (const auto& [key, value] : pyroscope.labels) all[key] = value;
  std::string labels;
  for (const auto& [key, value] : all) labels += (labels.empty() ? "" : ",") + key + "=" + value;
  return labels.empty() ? name : name + "{" + labels + "}";
}

Result<void> complete(const Shipment& shipment, Request& request) {
  const auto& pyroscope = static_cast<const Pyroscope&>(*shipment.upload.keys);
  const Batch& batch = shipment.batch;
  auto url = Url::parse(request.url);
  if (!url) return fail(Exit::BadParams, "upload.url is no URL");
  std::string path = url->path();
  while (path.ends_with('/')) path.pop_back();
  if (!path.ends_with("/ingest")) path += "/ingest";
  url->set_path(path);
  url->add_query("name", series_of(pyroscope, batch, shipment.file));
  url->add_query("from", std::to_string(batch.started_ns / 1'000'000'000));
  url->add_query("until", std::to_string((batch.started_ns + batch.duration_ns + 999'999'999) / 1'000'000'000));
  url->add_query("format", shipment.file.format);
  url->add_query("sampleRate", std::to_string(batch.rate));
  for (const auto& [name, value] : {std::pair{"spyName", "sampan"}, {"units", "samples"}, {"aggregationType", "sum"}}) url->add_query(name, value);
  request.url = url->text();
  if (!pyroscope.tenant.empty()) request.headers.emplace_back("X-Scope-OrgID", pyroscope.tenant);
  if (shipment.file.format == "pprof") request.form.push_back(file_part("profile", shipment.file));
  return {};
}

}  // namespace

Sink pyroscope_sink() {
  return {{.name = "pyroscope", .schema = kSchema, .method = "POST", .scheme = "", .formats = {"pprof", "folded"}, .read = read}, complete};
}

}  // namespace sampan

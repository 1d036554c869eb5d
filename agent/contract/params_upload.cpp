#include "agent/contract/params_upload.hpp"

#include <nlohmann/json.hpp>

#include "agent/contract/sink_kind.hpp"

namespace sampan {
namespace {

constexpr std::size_t kMostUploads = 16;

// A header's name and value go on the wire as they are: no line may be smuggled in.
void check_headers(Reading& reading, const std::string& path, const std::map<std::string, std::string>& headers) {
  constexpr std::string_view kToken = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  for (const auto& [name, value] : headers) {
    if (name.find_first_not_of(kToken) != std::string::npos) {
      reading.refuse("{}: a header's name has characters that HTTP does not allow", path);
    }
    if (value.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) {
      reading.refuse("{}.{}: a header's value may not hold a line break", path, name);
    }
  }
}

bool takes_scheme(const SinkKind& kind, const std::string& url) {
  return url.starts_with("http://") || url.starts_with("https://") ||
         (!kind.scheme.empty() && url.starts_with(std::string(kind.scheme) + "://"));
}

std::string all_schemes() {
  std::string text = "http://, https://";
  for (const SinkKind* kind : sink_kinds()) {
    if (!kind->scheme.empty()) text += fmt::format(", or, beside \"{}\", {}://", kind->name, kind->scheme);
  }
  return text;
}

// One destination is one kind; where none is chosen it is the plain one.
void read_kind(StrictJson& reader, Upload& upload) {
  const auto kinds = sink_kinds();
  upload.kind = kinds.front();
  for (const SinkKind* kind : kinds) {
    auto keys = kind->read(reader);
    if (!keys) continue;
    if (upload.keys) reader.reading().refuse("upload has both {} and {}: one destination is one kind", upload.kind->name, kind->name);
    upload.kind = kind;
    upload.keys = std::move(keys);
  }
}

void check_upload(Reading& reading, Upload& upload) {
  const SinkKind& kind = *upload.kind;
  if (upload.url.empty()) reading.refuse("upload.url is missing");
  else if (!takes_scheme(kind, upload.url)) reading.refuse("upload.url must begin with {}", all_schemes());
  if (upload.url.find_first_of(" \r\n\t") != std::string::npos) reading.refuse("upload.url holds a blank");
  if (upload.method.empty()) upload.method = kind.method.empty() ? "PUT" : kind.method;
  else if (!kind.method.empty() && upload.method != kind.method) reading.refuse("upload.{} needs upload.method \"{}\"", kind.name, kind.method);
  if (upload.cert_file.empty() != upload.key_file.empty()) {
    reading.refuse("upload.cert_file and upload.key_file go together");
  }
  check_headers(reading, "upload.headers", upload.headers);
  check_headers(reading, "upload.headers_from_env", upload.headers_from_env);
  check_headers(reading, "upload.headers_from_file", upload.headers_from_file);
}

Upload read_upload(Reading& reading, const nlohmann::json& object) {
  Upload upload;
  // Values are not shown: a presigned URL is a secret.
  StrictJson reader(reading, object, "upload.", true);
  reader.text("url", upload.url, 8192);
  reader.choice("method", upload.method, {{"PUT", std::string("PUT")}, {"POST", std::string("POST")}});
  reader.map("headers", upload.headers);
  reader.map("headers_from_env", upload.headers_from_env);
  reader.map("headers_from_file", upload.headers_from_file);
  reader.choice_list("formats", upload.formats, format_choices());
  read_kind(reader, upload);
  reader.text("ca_file", upload.ca_file);
  reader.text("cert_file", upload.cert_file);
  reader.text("key_file", upload.key_file);
  reader.number("timeout_seconds", upload.timeout_seconds, 1, 3600);
  reader.number("retry_seconds", upload.retry_seconds, 0, 3600);
  reader.end();
  check_upload(reading, upload);
  return upload;
}

}  // namespace

const StrictJson::Choices<const Format*>& format_choices() {
  static const auto choices = [] {
    StrictJson::Choices<const Format*> all;
    for (const Format& format : formats()) all.emplace_back(format.name, &format);
    return all;
  }();
  return choices;
}

void read_uploads(StrictJson& reader, std::vector<Upload>& into) {
  const auto* value = reader.find("upload");
  if (!value) return void(read_upload(reader.reading(), nlohmann::json{{"url", "http://keys/"}}));
  if (value->is_object()) return into.push_back(read_upload(reader.reading(), *value));
  if (!value->is_array() || value->empty() || value->size() > kMostUploads) {
    return reader.wrong("upload", fmt::format("an object, or a list of 1 to {} objects", kMostUploads));
  }
  for (const auto& item : *value) {
    if (!item.is_object()) return reader.wrong("upload", "an object, or a list of objects");
    into.push_back(read_upload(reader.reading(), item));
  }
}

}  // namespace sampan

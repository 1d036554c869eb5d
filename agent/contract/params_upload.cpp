#include "agent/contract/params_upload.hpp"

#include <nlohmann/json.hpp>

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

void read_s3(StrictJson& upload, Upload& into) {
  const auto* object = upload.object("s3");
  if (!object && upload.has("s3")) return;
  static const nlohmann::json kNone = nlohmann::json::object();
  StrictJson reader(upload.reading(), object ? *object : kNone, "upload.s3.");
  S3 s3;
  reader.text("region", s3.region, 64);
  reader.text("endpoint", s3.endpoint);
  reader.text("access_key_env", s3.access_key_env, 256);
  reader.text("secret_key_env", s3.secret_key_env, 256);
  reader.text("session_token_env", s3.session_token_env, 256);
  reader.text("credentials_file", s3.credentials_file);
  reader.text("credentials_profile", s3.credentials_profile, 256);
  reader.end();
  if (!object) return;
  if (s3.region.empty()) upload.reading().refuse("upload.s3.region is missing");
  into.s3 = s3;
}

void read_pyroscope(StrictJson& upload, Upload& into) {
  const auto* object = upload.object("pyroscope");
  if (!object && upload.has("pyroscope")) return;
  static const nlohmann::json kNone = nlohmann::json::object();
  StrictJson reader(upload.reading(), object ? *object : kNone, "upload.pyroscope.");
  Pyroscope pyroscope;
  reader.text("name", pyroscope.name, 256);
  reader.map("labels", pyroscope.labels);
  reader.text("tenant", pyroscope.tenant, 256);
  reader.end();
  if (object) into.pyroscope = pyroscope;
}

void check_upload(Reading& reading, Upload& upload, bool method_given) {
  const bool http = upload.url.starts_with("http://") || upload.url.starts_with("https://");
  if (upload.url.empty()) reading.refuse("upload.url is missing");
  else if (!http && !(upload.url.starts_with("s3://") && upload.s3)) {
    reading.refuse("upload.url must begin with http://, https://, or, beside \"s3\", s3://");
  }
  if (upload.url.find_first_of(" \r\n\t") != std::string::npos) reading.refuse("upload.url holds a blank");
  if (upload.s3 && upload.pyroscope) reading.refuse("upload has both s3 and pyroscope: one destination is one kind");
  if (!method_given) upload.method = upload.pyroscope || upload.multipart || !upload.form.empty() ? "POST" : "PUT";
  if (!upload.form.empty()) upload.multipart = true;
  if (upload.multipart && upload.method != "POST") reading.refuse("upload.form needs upload.method \"POST\"");
  if (upload.s3 && (upload.method != "PUT" || upload.multipart)) reading.refuse("upload.s3 needs upload.method \"PUT\"");
  if (upload.pyroscope && upload.method != "POST") reading.refuse("upload.pyroscope needs upload.method \"POST\"");
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
  reader.map("form", upload.form);
  reader.flag("multipart", upload.multipart);
  reader.choice_list("formats", upload.formats, format_choices());
  read_s3(reader, upload);
  read_pyroscope(reader, upload);
  reader.text("ca_file", upload.ca_file);
  reader.text("cert_file", upload.cert_file);
  reader.text("key_file", upload.key_file);
  reader.number("timeout_seconds", upload.timeout_seconds, 1, 3600);
  reader.number("retry_seconds", upload.retry_seconds, 0, 3600);
  reader.end();
  check_upload(reading, upload, reader.has("method"));
  return upload;
}

}  // namespace

const StrictJson::Choices<Format>& format_choices() {
  static const StrictJson::Choices<Format> choices = {
      {"svg", Format::Svg}, {"folded", Format::Folded}, {"speedscope", Format::Speedscope}, {"pprof", Format::Pprof}};
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

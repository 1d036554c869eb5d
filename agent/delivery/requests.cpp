// From a destination and a file to a request: plain PUT or POST, multipart, S3, Pyroscope.
#include <strings.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "agent/contract/clock.hpp"
#include "agent/delivery/delivery.hpp"
#include "samplers/process/files.hpp"

namespace sampan {
namespace {

constexpr std::size_t kMostSecret = 64 * 1024;

Words words_of(const Batch& batch, const Artifact& file) {
  return {{"app_name", batch.app_name}, {"version_id", batch.version_id}, {"pod", batch.pod}, {"node", batch.node},
          {"time", std::to_string(batch.started_ns / 1'000'000'000)}, {"run", batch.run}, {"name", file.name},
          {"format", file.format}, {"sha256", file.sha256}};
}

Result<std::string> secret_of_variable(const std::string& name, Progress& progress) {
  const char* value = std::getenv(name.c_str());
  if (!value || !*value) return fail(Exit::BadParams, "the environment variable {} is missing", name);
  progress.hide(value);
  return std::string(value);
}

Result<std::string> secret_of_file(const std::string& path, Progress& progress) {
  auto text = read_file(path, kMostSecret);
  if (!text) return fail(Exit::BadParams, "the file {} cannot be read", path);
  text->erase(text->find_last_not_of(" \t\r\n") + 1);
  if (text->find_first_of("\r\n") != std::string::npos) return fail(Exit::BadParams, "the file {} holds more than one line", path);
  progress.hide(*text);
  return std::move(*text);
}

// The scheme word before a token (`Bearer abc`) is no secret, the token alone is.
void hide_header(const std::string& value, Progress& progress) {
  progress.hide(value);
  if (const auto blank = value.rfind(' '); blank != std::string::npos) progress.hide(value.substr(blank + 1));
}

// Presigned URLs carry their signature in the query; others a user and password before the host.
void hide_url(const std::string& url, Progress& progress) {
  constexpr std::size_t kShortest = 12;   // shorter values are names and numbers
  const auto query = url.find('?');
  for (std::size_t at = query; at != std::string::npos && at < url.size();) {
    const auto end = std::min(url.find('&', at + 1), url.size());
    const auto equals = url.find('=', at);
    if (equals < end && end - equals > kShortest) progress.hide(url.substr(equals + 1, end - equals - 1));
    at = end;
  }
  const auto at = url.substr(0, std::min(url.find('/', 8), url.size())).rfind('@');
  if (at != std::string::npos) progress.hide(url.substr(url.find("://") + 3, at - url.find("://") - 3));
}

Result<void> add_headers(const Upload& upload, const Words& words, Request& request, Progress& progress) {
  for (const auto& [name, value] : upload.headers) {
    auto text = expand(value, words);
    if (!text) return tl::unexpected(text.error());
    if (names_secret(name)) hide_header(*text, progress);
    request.headers.emplace_back(name, std::move(*text));
  }
  for (const auto& [name, from] : upload.headers_from_env) {
    auto text = secret_of_variable(from, progress);
    if (!text) return tl::unexpected(text.error());
    hide_header(*text, progress);
    request.headers.emplace_back(name, std::move(*text));
  }
  for (const auto& [name, from] : upload.headers_from_file) {
    auto text = secret_of_file(from, progress);
    if (!text) return tl::unexpected(text.error());
    hide_header(*text, progress);
    request.headers.emplace_back(name, std::move(*text));
  }
  for (const auto& [name, value] : request.headers) {
    if (value.find_first_of("\r\n") != std::string::npos) return fail(Exit::BadParams, "the header {} would hold a line break", name);
  }
  return {};
}

bool has_header(const Request& request, std::string_view name) {
  for (const auto& [key, value] : request.headers) {
    if (key.size() == name.size() && strncasecmp(key.data(), name.data(), name.size()) == 0) return true;
  }
  return false;
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

Result<void> add_form(const Upload& upload, const Words& words, const Batch& batch, const Artifact& file, Request& request, Progress& progress) {
  bool placed = false;
  for (const auto& [name, value] : upload.form) {
    // `@file` is where the file goes, for receivers that want it under a name of their own.
    if (value == "@file") {
      request.form.push_back({name, file.bytes, file.name, file.content_type});
      placed = true;
      continue;
    }
    auto text = expand(value, words);
    if (!text) return tl::unexpected(text.error());
    if (names_secret(name)) progress.hide(*text);
    request.form.push_back({name, std::move(*text), {}, {}});
  }
  if (!upload.form.contains("metadata")) request.form.push_back({"metadata", metadata_of(batch, file), {}, "application/json"});
  if (!placed) request.form.push_back({"file", file.bytes, file.name, file.content_type});
  return {};
}

// One key of one section of the AWS tools' credentials file.
std::string from_section(std::string_view text, std::string_view section, std::string_view key) {
  bool inside = false;
  while (!text.empty()) {
    std::string line(text.substr(0, text.find('\n')));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    std::erase_if(line, [](char c) { return c == ' ' || c == '\t' || c == '\r'; });
    if (line.starts_with('[')) inside = line == "[" + std::string(section) + "]";
    else if (inside && line.starts_with(std::string(key) + "=")) return line.substr(key.size() + 1);
  }
  return {};
}

struct Keys {
  std::string access, secret, token;
};
Result<Keys> keys_of(const S3& s3, Progress& progress) {
  Keys keys;
  if (s3.credentials_file.empty()) {
    auto access = secret_of_variable(s3.access_key_env, progress);
    auto secret = secret_of_variable(s3.secret_key_env, progress);
    if (!access || !secret) return tl::unexpected(access ? secret.error() : access.error());
    const char* token = std::getenv(s3.session_token_env.c_str());
    keys = {*access, *secret, token ? token : ""};
  } else {
    const auto text = read_file(s3.credentials_file, kMostSecret);
    if (!text) return fail(Exit::BadParams, "the file {} cannot be read", s3.credentials_file);
    const auto key = [&](const char* name) { return from_section(*text, s3.credentials_profile, name); };
    keys = {key("aws_access_key_id"), key("aws_secret_access_key"), key("aws_session_token")};
    if (keys.access.empty() || keys.secret.empty()) {
      return fail(Exit::BadParams, "the file {} has no keys in section [{}]", s3.credentials_file, s3.credentials_profile);
    }
  }
  progress.hide(keys.secret);
  progress.hide(keys.token);
  return keys;
}

// `s3://bucket/key`: path style at an endpoint, virtual-hosted at Amazon's own.
std::string s3_url(const S3& s3, const std::string& url) {
  const std::string path = url.substr(5);
  std::string endpoint = s3.endpoint;
  while (endpoint.ends_with('/')) endpoint.pop_back();
  if (!endpoint.empty()) return endpoint + "/" + path;
  const auto slash = std::min(path.find('/'), path.size());
  return "https://" + path.substr(0, slash) + ".s3." + s3.region + ".amazonaws.com" + path.substr(slash);
}

Result<void> sign_s3(const S3& s3, const Artifact& file, Request& request, Progress& progress) {
  auto keys = keys_of(s3, progress);
  if (!keys) return tl::unexpected(keys.error());
  if (request.url.starts_with("s3://")) request.url = s3_url(s3, request.url);
  request.sigv4 = "aws:amz:" + s3.region + ":s3";
  request.user_password = keys->access + ":" + keys->secret;
  request.headers.emplace_back("x-amz-content-sha256", file.sha256);
  if (!keys->token.empty()) request.headers.emplace_back("x-amz-security-token", keys->token);
  return {};
}

std::string pyroscope_url(const Pyroscope& pyroscope, std::string url, const Artifact& file, const Batch& batch) {
  std::string name = pyroscope.name.empty() ? batch.app_name : pyroscope.name;
  std::string labels;
  for (const auto& [key, value] : pyroscope.labels) labels += (labels.empty() ? "" : ",") + key + "=" + value;
  if (!labels.empty()) name += "{" + labels + "}";
  while (url.ends_with('/')) url.pop_back();
  if (!url.ends_with("/ingest")) url += "/ingest";
  const auto from = batch.started_ns / 1'000'000'000;
  const auto until = (batch.started_ns + batch.duration_ns + 999'999'999) / 1'000'000'000;
  return url + fmt::format("?name={}&from={}&until={}&format={}&sampleRate={}&spyName=sampan&units=samples&aggregationType=sum",
                           percent_encode(name), from, until, file.format, batch.rate);
}

void ingest(const Pyroscope& pyroscope, const Artifact& file, const Batch& batch, Request& request) {
  request.url = pyroscope_url(pyroscope, request.url, file, batch);
  if (!pyroscope.tenant.empty()) request.headers.emplace_back("X-Scope-OrgID", pyroscope.tenant);
  if (file.format == "pprof") request.form.push_back({"profile", file.bytes, file.name, file.content_type});
}

}  // namespace

Result<Request> request_of(const Upload& upload, const Artifact& file, const Batch& batch, Progress& progress) {
  const Words words = words_of(batch, file);
  auto url = expand(upload.url, words, Escape::Url);
  if (!url) return tl::unexpected(url.error());
  Request request;
  request.url = std::move(*url);
  request.method = upload.method;
  request.body = file.bytes;
  request.ca_file = upload.ca_file;
  request.cert_file = upload.cert_file;
  request.key_file = upload.key_file;
  request.timeout_seconds = upload.timeout_seconds;
  request.retry_seconds = upload.retry_seconds;
  request.file = file.name;
  hide_url(request.url, progress);
  // A folder: the file keeps its name.
  if (request.url.ends_with('/') && request.method == "PUT") request.url += percent_encode(file.name);
  if (auto added = add_headers(upload, words, request, progress); !added) return tl::unexpected(added.error());
  if (upload.multipart) {
    if (auto added = add_form(upload, words, batch, file, request, progress); !added) return tl::unexpected(added.error());
  } else if (upload.s3) {
    if (auto added = sign_s3(*upload.s3, file, request, progress); !added) return tl::unexpected(added.error());
  } else if (upload.pyroscope) {
    ingest(*upload.pyroscope, file, batch, request);
  }
  if (request.form.empty() && !has_header(request, "Content-Type")) request.plain_headers.emplace_back("Content-Type", file.content_type);
  // A presigned URL must be sent exactly the headers that were signed.
  const bool presigned = request.url.find("X-Amz-Signature=") != std::string::npos || request.url.find("Signature=") != std::string::npos;
  if (request.method == "POST" && !presigned && !has_header(request, "Idempotency-Key")) {
    request.plain_headers.emplace_back("Idempotency-Key", idempotency_key(batch, file));
  }
  request.only_if_absent = has_header(request, "If-None-Match");
  return request;
}

}  // namespace sampan

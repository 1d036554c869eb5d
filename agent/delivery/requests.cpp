// From a destination and a file to a request; what is a kind's own, its sink adds.
#include <strings.h>

#include "agent/delivery/delivery.hpp"
#include "agent/delivery/secrets.hpp"
#include "agent/delivery/sinks/sink.hpp"
#include "agent/guard/redact.hpp"
#include "agent/guard/url.hpp"

namespace sampan {
namespace {

using Headers = std::map<std::string, std::string>;

Result<void> add_secret_headers(const Headers& from, Result<std::string> (*read)(const std::string&, Progress&), Request& request, Progress& progress) {
  for (const auto& [name, place] : from) {
    auto text = read(place, progress);
    if (!text) return tl::unexpected(text.error());
    hide_header(*text, progress);
    request.headers.emplace_back(name, std::move(*text));
  }
  return {};
}

Result<void> add_headers(const Shipment& shipment, Request& request) {
  const Upload& upload = shipment.upload;
  for (const auto& [name, value] : upload.headers) {
    auto text = expand(value, shipment.words);
    if (!text) return tl::unexpected(text.error());
    if (names_secret(name)) hide_header(*text, shipment.progress);
    request.headers.emplace_back(name, std::move(*text));
  }
  if (auto added = add_secret_headers(upload.headers_from_env, secret_of_variable, request, shipment.progress); !added) return added;
  if (auto added = add_secret_headers(upload.headers_from_file, secret_of_file, request, shipment.progress); !added) return added;
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

// Must be sent exactly the headers that were signed.
bool is_presigned(const std::string& url) {
  const auto parsed = Url::parse(url);
  if (!parsed) return false;
  for (const auto& [name, value] : parsed->query()) {
    if (name == "X-Amz-Signature" || name == "X-Goog-Signature" || name == "Signature") return true;
  }
  return false;
}

Request plain_request(const Upload& upload, const Artifact& file, std::string url) {
  Request request;
  request.url = std::move(url);
  request.method = upload.method;
  request.body = file.bytes;
  request.ca_file = upload.ca_file;
  request.cert_file = upload.cert_file;
  request.key_file = upload.key_file;
  request.timeout_seconds = upload.timeout_seconds;
  request.retry_seconds = upload.retry_seconds;
  request.file = file.name;
  return request;
}

}  // namespace

FormPart file_part(std::string name, const Artifact& file) {
  return {.name = std::move(name), .value = {}, .file = file.bytes, .file_name = file.name, .content_type = file.content_type};
}

Result<Request> request_of(const Upload& upload, const Artifact& file, const Batch& batch, Progress& progress) {
  const Words words = words_of(batch, file);
  const Shipment shipment{upload, file, batch, words, progress};
  auto url = expand(upload.url, words, Escape::Url);
  if (!url) return tl::unexpected(url.error());
  Request request = plain_request(upload, file, std::move(*url));
  hide_url(request.url, progress);
  // A folder: the file keeps its name.
  if (request.url.ends_with('/') && request.method == "PUT") request.url += percent_encode(file.name);
  if (auto added = add_headers(shipment, request); !added) return tl::unexpected(added.error());
  if (const Sink& sink = sink_of(upload); sink.complete) {
    if (auto completed = sink.complete(shipment, request); !completed) return tl::unexpected(completed.error());
  }
  if (request.form.empty() && !has_header(request, "Content-Type")) request.plain_headers.emplace_back("Content-Type", file.content_type);
  if (request.method == "POST" && !is_presigned(request.url) && !has_header(request, "Idempotency-Key")) {
    request.plain_headers.emplace_back("Idempotency-Key", idempotency_key(batch, file));
  }
  request.only_if_absent = has_header(request, "If-None-Match");
  return request;
}

}  // namespace sampan

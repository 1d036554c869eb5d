// S3 and what speaks its protocol: the request is signed (SigV4). Keys come from the environment or from a file.
#include <cstdlib>

#include "agent/delivery/secrets.hpp"
#include "agent/delivery/sinks/sink.hpp"
#include "samplers/process/files.hpp"

namespace sampan {
namespace {

constexpr std::string_view kSchema = R"json({
 "s3": {
  "type": "object", "additionalProperties": false, "required": ["region"], "description": "Sign the request (SigV4)",
  "properties": {
   "region": {"type": "string", "minLength": 1, "maxLength": 64, "description": "The bucket's region"},
   "endpoint": {"type": "string", "minLength": 1, "maxLength": 4096, "description": "Server for s3:// URLs, path style; absent: Amazon's own"},
   "access_key_env": {"type": "string", "minLength": 1, "maxLength": 256, "description": "Variable with the access key", "default": "AWS_ACCESS_KEY_ID"},
   "secret_key_env": {"type": "string", "minLength": 1, "maxLength": 256, "description": "Variable with the secret key", "default": "AWS_SECRET_ACCESS_KEY"},
   "session_token_env": {"type": "string", "minLength": 1, "maxLength": 256, "description": "Variable with the session token", "default": "AWS_SESSION_TOKEN"},
   "credentials_file": {"type": "string", "minLength": 1, "maxLength": 4096, "description": "Credentials in the AWS tools' own format, instead of variables"},
   "credentials_profile": {"type": "string", "minLength": 1, "maxLength": 256, "description": "Section of credentials_file", "default": "default"}
  }
 }
})json";

struct S3 : SinkKeys {
  std::string region;
  std::string endpoint;                      // for s3:// URLs; empty: Amazon's own of the region
  std::string access_key_env = "AWS_ACCESS_KEY_ID";
  std::string secret_key_env = "AWS_SECRET_ACCESS_KEY";
  std::string session_token_env = "AWS_SESSION_TOKEN";
  std::string credentials_file;              // the AWS tools' own format; empty: the environment
  std::string credentials_profile = "default";
};

std::shared_ptr<const SinkKeys> read(StrictJson& upload) {
  auto s3 = std::make_shared<S3>();
  const bool given = upload.nested("s3", [&](StrictJson& reader) {
    reader.text("region", s3->region, 64);
    reader.text("endpoint", s3->endpoint);
    reader.text("access_key_env", s3->access_key_env, 256);
    reader.text("secret_key_env", s3->secret_key_env, 256);
    reader.text("session_token_env", s3->session_token_env, 256);
    reader.text("credentials_file", s3->credentials_file);
    reader.text("credentials_profile", s3->credentials_profile, 256);
  });
  if (!given) return nullptr;
  if (s3->region.empty()) upload.reading().refuse("upload.s3.region is missing");
  return s3;
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

struct Credentials {
  std::string access, secret, token;
};

Result<Credentials> from_file(const S3& s3) {
  const auto text = read_file(s3.credentials_file, kMostSecret);
  if (!text) return fail(Exit::BadParams, "the file {} cannot be read", s3.credentials_file);
  const auto key = [&](const char* name) { return from_section(*text, s3.credentials_profile, name); };
  Credentials found{key("aws_access_key_id"), key("aws_secret_access_key"), key("aws_session_token")};
  if (found.access.empty() || found.secret.empty()) {
    return fail(Exit::BadParams, "the file {} has no keys in section [{}]", s3.credentials_file, s3.credentials_profile);
  }
  return found;
}

Result<Credentials> from_environment(const S3& s3, Progress& progress) {
  auto access = secret_of_variable(s3.access_key_env, progress);
  auto secret = secret_of_variable(s3.secret_key_env, progress);
  if (!access || !secret) return tl::unexpected(access ? secret.error() : access.error());
  const char* token = std::getenv(s3.session_token_env.c_str());
  return Credentials{*access, *secret, token ? token : ""};
}

// `s3://bucket/key`: path style at an endpoint, virtual-hosted at Amazon's own.
std::string https_url(const S3& s3, const std::string& url) {
  const std::string path = url.substr(5);
  std::string endpoint = s3.endpoint;
  while (endpoint.ends_with('/')) endpoint.pop_back();
  if (!endpoint.empty()) return endpoint + "/" + path;
  const auto slash = std::min(path.find('/'), path.size());
  return "https://" + path.substr(0, slash) + ".s3." + s3.region + ".amazonaws.com" + path.substr(slash);
}

Result<void> complete(const Shipment& shipment, Request& request) {
  const auto& s3 = static_cast<const S3&>(*shipment.upload.keys);
  const auto credentials = s3.credentials_file.empty() ? from_environment(s3, shipment.progress) : from_file(s3);
  if (!credentials) return tl::unexpected(credentials.error());
  shipment.progress.hide(credentials->secret);
  shipment.progress.hide(credentials->token);
  if (request.url.starts_with("s3://")) request.url = https_url(s3, request.url);
  request.sigv4 = "aws:amz:" + s3.region + ":s3";
  request.user_password = credentials->access + ":" + credentials->secret;
  request.headers.emplace_back("x-amz-content-sha256", shipment.file.sha256);
  if (!credentials->token.empty()) request.headers.emplace_back("x-amz-security-token", credentials->token);
  return {};
}

}  // namespace

Sink s3_sink() { return {{.name = "s3", .schema = kSchema, .method = "PUT", .scheme = "s3", .formats = {}, .read = read}, complete}; }

}  // namespace sampan

// S3 and what speaks its protocol: the request is signed (SigV4). Where its keys come from: agent/delivery/credentials.hpp.
#include "agent/delivery/credentials.hpp"
#include "agent/delivery/sinks/sink.hpp"

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
  const auto credentials = find_credentials({s3.region, s3.access_key_env, s3.secret_key_env, s3.session_token_env, s3.credentials_file, s3.credentials_profile}, shipment.progress);
  if (!credentials) return tl::unexpected(credentials.error());
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

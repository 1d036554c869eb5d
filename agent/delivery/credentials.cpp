#include "agent/delivery/credentials.hpp"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>

#include "agent/contract/clock.hpp"
#include "agent/contract/instants.hpp"
#include "agent/delivery/http.hpp"
#include "agent/delivery/secrets.hpp"
#include "agent/delivery/templates.hpp"
#include "agent/guard/redact.hpp"
#include "agent/guard/url.hpp"
#include "samplers/process/files.hpp"

namespace sampan {
namespace {

constexpr std::uint64_t kRenewBefore = 300;   // seconds before they expire; half of their life where that is shorter

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

std::uint64_t epoch_seconds() { return wall_ns() / 1'000'000'000; }

std::uint64_t seconds_of(const std::string& time) {
  const auto instant = parse_instant(time);
  return instant && instant->by_clock ? instant->ns / 1'000'000'000 : 0;
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

Result<Credentials> from_file(const CredentialKeys& keys) {
  const auto text = read_file(keys.file, kMostSecret);
  if (!text) return fail(Exit::BadParams, "the file {} cannot be read", keys.file);
  const auto key = [&](const char* name) { return from_section(*text, keys.profile, name); };
  Credentials found{key("aws_access_key_id"), key("aws_secret_access_key"), key("aws_session_token"), 0};
  if (found.access.empty() || found.secret.empty()) return fail(Exit::BadParams, "the file {} has no keys in section [{}]", keys.file, keys.profile);
  return found;
}

// A projected token, which the kubelet renews, for keys of a role: STS' AssumeRoleWithWebIdentity.
Result<Credentials> from_web_identity(const CredentialKeys& keys, Progress& progress) {
  auto token = secret_of_file(variable("AWS_WEB_IDENTITY_TOKEN_FILE"), progress);
  if (!token) return tl::unexpected(token.error());
  std::string session = variable("AWS_ROLE_SESSION_NAME"), endpoint = variable("AWS_ENDPOINT_URL_STS");
  if (session.empty()) session = "sampan";
  if (endpoint.empty()) endpoint = "https://sts." + keys.region + ".amazonaws.com/";
  const std::string body = "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=" + percent_encode(variable("AWS_ROLE_ARN")) +
                           "&RoleSessionName=" + percent_encode(session) + "&WebIdentityToken=" + percent_encode(*token);
  auto answer = ask({.url = endpoint, .headers = {{"Content-Type", "application/x-www-form-urlencoded"}}, .body = body, .what = "STS"});
  if (!answer) return tl::unexpected(answer.error());
  return parse_sts(*answer);
}

// As Amazon's own tools have it: without TLS to this machine's and the two link-local addresses alone.
bool may_be_asked(const std::string& text) {
  const auto url = Url::parse(text);
  if (!url) return false;
  if (url->scheme() == "https") return true;
  constexpr std::string_view kHosts[] = {"127.0.0.1", "localhost", "[::1]", "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"};
  return url->scheme() == "http" && std::find(std::begin(kHosts), std::end(kHosts), url->host()) != std::end(kHosts);
}

Result<Credentials> from_container(Progress& progress) {
  const std::string relative = variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"), file = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  const std::string url = relative.empty() ? variable("AWS_CONTAINER_CREDENTIALS_FULL_URI") : "http://169.254.170.2" + relative;
  if (!may_be_asked(url)) return fail(Exit::BadParams, "AWS_CONTAINER_CREDENTIALS_FULL_URI names neither HTTPS nor an address of this machine");
  std::string authorization = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN");
  if (!file.empty()) {
    auto token = secret_of_file(file, progress);
    if (!token) return tl::unexpected(token.error());
    authorization = *token;
  }
  progress.hide(authorization);
  Question question{.url = url, .headers = {}, .body = {}, .what = "the container's credentials endpoint"};
  if (!authorization.empty()) question.headers = {{"Authorization", authorization}};
  auto answer = ask(question);
  if (!answer) return tl::unexpected(answer.error());
  return parse_container_credentials(*answer);
}

Result<Credentials> from_environment(const CredentialKeys& keys, Progress& progress) {
  if (!variable(keys.access_key_env.c_str()).empty() || !variable(keys.secret_key_env.c_str()).empty()) {
    auto access = secret_of_variable(keys.access_key_env, progress);
    auto secret = secret_of_variable(keys.secret_key_env, progress);
    if (!access || !secret) return tl::unexpected(access ? secret.error() : access.error());
    return Credentials{*access, *secret, variable(keys.session_token_env.c_str()), 0};
  }
  if (!variable("AWS_WEB_IDENTITY_TOKEN_FILE").empty() && !variable("AWS_ROLE_ARN").empty()) return from_web_identity(keys, progress);
  if (!variable("AWS_CONTAINER_CREDENTIALS_FULL_URI").empty() || !variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").empty()) return from_container(progress);
  return fail(Exit::BadParams, "the environment variable {} is missing, and so are AWS_WEB_IDENTITY_TOKEN_FILE with AWS_ROLE_ARN and AWS_CONTAINER_CREDENTIALS_FULL_URI",
              keys.access_key_env);
}

std::string_view between(std::string_view text, const std::string& tag) {
  const std::string open = "<" + tag + ">", close = "</" + tag + ">";
  const auto from = text.find(open), to = text.find(close, from == std::string_view::npos ? from : from + open.size());
  return to == std::string_view::npos ? std::string_view() : text.substr(from + open.size(), to - from - open.size());
}

Result<Credentials> checked(Credentials found, std::string_view of) {
  const auto plain = [](const std::string& text) { return text.find_first_of("\r\n\t &<>") == std::string::npos; };
  if (found.access.empty() || found.secret.empty() || !plain(found.access) || !plain(found.secret) || !plain(found.token)) {
    return fail(Exit::DeliveryFailed, "the answer of {} holds no keys", of);
  }
  return found;
}

}  // namespace

Result<Credentials> parse_sts(std::string_view xml) {
  const auto text = [&](const char* tag) { return std::string(between(xml, tag)); };
  return checked({text("AccessKeyId"), text("SecretAccessKey"), text("SessionToken"), seconds_of(text("Expiration"))}, "STS");
}

Result<Credentials> parse_container_credentials(std::string_view text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  const auto member = [&](const char* name) {
    const auto found = json.is_object() ? json.find(name) : json.end();
    return found == json.end() || !found->is_string() ? std::string() : found->get<std::string>();
  };
  return checked({member("AccessKeyId"), member("SecretAccessKey"), member("Token"), seconds_of(member("Expiration"))}, "the container's credentials endpoint");
}

Result<Credentials> find_credentials(const CredentialKeys& keys, Progress& progress) {
  struct Kept {
    Credentials credentials;
    std::uint64_t renew;
  };
  static std::map<std::string, Kept> kept;   // by region: all else is the environment's
  const std::uint64_t now = epoch_seconds();
  if (const auto found = kept.find(keys.region); keys.file.empty() && found != kept.end() && now < found->second.renew) return found->second.credentials;
  auto credentials = keys.file.empty() ? from_environment(keys, progress) : from_file(keys);
  if (!credentials) return credentials;
  progress.hide(credentials->secret);
  progress.hide(credentials->token);
  const std::uint64_t life = credentials->expires > now ? credentials->expires - now : 0;
  if (life > 0) kept[keys.region] = {*credentials, credentials->expires - std::min(kRenewBefore, life / 2)};
  return credentials;
}

}  // namespace sampan

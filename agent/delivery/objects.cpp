#include "agent/delivery/objects.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <cstdlib>

#include "agent/delivery/credentials.hpp"
#include "agent/delivery/http.hpp"
#include "agent/delivery/templates.hpp"

namespace sampan {
namespace {

constexpr std::string_view kScheme = "s3://";
constexpr std::size_t kMostObjects = 1'000'000, kMostPage = 4 << 20;
constexpr const char* kHashOfNothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

std::string variable(std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (const char* value = std::getenv(name); value && *value) return value;
  }
  return {};
}

struct Place {
  std::string bucket, key;
};
Place place_of(std::string_view url) {
  url.remove_prefix(std::min(kScheme.size(), url.size()));
  const auto slash = std::min(url.find('/'), url.size());
  return {std::string(url.substr(0, slash)), std::string(url.substr(std::min(slash + 1, url.size())))};
}

// Slashes stay: they part a path.
std::string encoded_path(std::string_view key) {
  std::string out;
  while (true) {
    const auto slash = key.find('/');
    out += percent_encode(key.substr(0, slash));
    if (slash == std::string_view::npos) return out;
    out += '/';
    key.remove_prefix(slash + 1);
  }
}

std::string decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && std::isxdigit(static_cast<unsigned char>(text[i + 1])) && std::isxdigit(static_cast<unsigned char>(text[i + 2]))) {
      out += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

// What stands between the next pair of these tags, taken off the text with all before it; empty with nothing left: none.
std::string_view next_between(std::string_view& text, std::string_view open, std::string_view close) {
  const auto from = text.find(open), to = text.find(close, from == std::string_view::npos ? from : from + open.size());
  if (to == std::string_view::npos) {
    text = {};
    return {};
  }
  const auto found = text.substr(from + open.size(), to - from - open.size());
  text.remove_prefix(to + close.size());
  return found;
}

std::string region() {
  const std::string named = variable({"AWS_REGION", "AWS_DEFAULT_REGION"});
  return named.empty() ? "us-east-1" : named;
}

// Path style at an endpoint, virtual-hosted at Amazon's own.
std::string server_of(const std::string& bucket) {
  std::string endpoint = variable({"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"});
  while (endpoint.ends_with('/')) endpoint.pop_back();
  return endpoint.empty() ? "https://" + bucket + ".s3." + region() + ".amazonaws.com/" : endpoint + "/" + bucket + "/";
}

Result<void> get(const std::string& url, const std::function<bool(std::string_view)>& take, Progress& progress) {
  const auto keys = find_credentials({region(), "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", {}, {}}, progress);
  if (!keys) return tl::unexpected(keys.error());
  Signature signature{"aws:amz:" + region() + ":s3", keys->access + ":" + keys->secret, {{"x-amz-content-sha256", kHashOfNothing}}};
  if (!keys->token.empty()) signature.headers.emplace_back("x-amz-security-token", keys->token);
  return fetch(url, take, signature);
}

}  // namespace

bool is_object(std::string_view input) { return input.starts_with(kScheme); }

ObjectPage parse_object_page(std::string_view xml) {
  ObjectPage page;
  std::string_view rest = xml;
  if (next_between(rest, "<IsTruncated>", "</IsTruncated>") == "true") {
    rest = xml;
    page.next = next_between(rest, "<NextContinuationToken>", "</NextContinuationToken>");
  }
  for (rest = xml; !rest.empty();) {
    std::string_view object = next_between(rest, "<Contents>", "</Contents>");
    if (const auto key = next_between(object, "<Key>", "</Key>"); !key.empty()) page.keys.push_back(decoded(key));
  }
  return page;
}

Result<std::vector<std::string>> list_objects(const std::string& url, Progress& progress) {
  const Place place = place_of(url);
  const auto wild = place.key.find_first_of("*?[");
  if (wild == std::string::npos && !place.key.empty() && !place.key.ends_with('/')) return std::vector<std::string>{url};
  std::vector<std::string> objects;
  std::string page_token;
  do {
    std::string page;
    // In the order of their names, as they are signed.
    const std::string query = (page_token.empty() ? "" : "continuation-token=" + percent_encode(page_token) + "&") +
                              "encoding-type=url&list-type=2&prefix=" + percent_encode(place.key.substr(0, wild));
    auto got = get(server_of(place.bucket) + "?" + query, [&](std::string_view piece) { return (page += piece).size() <= kMostPage; }, progress);
    if (!got) return tl::unexpected(got.error());
    ObjectPage found = parse_object_page(page);
    for (const std::string& key : found.keys) {
      const bool wanted = wild == std::string::npos ? !key.ends_with('/') : ::fnmatch(place.key.c_str(), key.c_str(), FNM_PATHNAME) == 0;
      if (wanted) objects.push_back(std::string(kScheme) + place.bucket + "/" + key);
    }
    page_token = found.next == page_token ? "" : std::move(found.next);
  } while (!page_token.empty() && objects.size() < kMostObjects);
  if (objects.empty()) return fail(Exit::BadParams, "inputs: no object matches {}", url);
  return objects;
}

Result<void> fetch_object(const std::string& url, const std::function<bool(std::string_view)>& take, Progress& progress) {
  const Place place = place_of(url);
  return get(server_of(place.bucket) + encoded_path(place.key), take, progress);
}

}  // namespace sampan

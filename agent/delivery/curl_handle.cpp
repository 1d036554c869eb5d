#include "agent/delivery/curl_handle.hpp"

#include <algorithm>
#include <cstdlib>

#include "agent/delivery/ca_bundle.hpp"

namespace sampan {
namespace {

constexpr long kConnectSeconds = 10;
constexpr long kStallSeconds = 30;

void set_trust(CURL* handle, const std::string& ca_file) {
  curl_easy_setopt(handle, CURLOPT_CAPATH, nullptr);
  const char* named = std::getenv("SSL_CERT_FILE");
  if (!ca_file.empty()) named = ca_file.c_str();
  if (named && *named) {
    curl_easy_setopt(handle, CURLOPT_CAINFO, named);
    return;
  }
  curl_blob bundle{const_cast<char*>(ca_bundle().data()), ca_bundle().size(), CURL_BLOB_NOCOPY};
  curl_easy_setopt(handle, CURLOPT_CAINFO_BLOB, &bundle);
}

}  // namespace

void set_common(CURL* handle, const std::string& url, const std::string& ca_file, unsigned timeout_seconds) {
  // libcurl reads http_proxy in small letters only, out of care for CGI programs; pods set either.
  if (const char* proxy = std::getenv("HTTP_PROXY")) ::setenv("http_proxy", proxy, 0);
  const auto timeout = static_cast<long>(timeout_seconds);
  curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle, CURLOPT_USERAGENT, "sampan/" SAMPAN_VERSION);
  curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT, std::min(kConnectSeconds, timeout));
  curl_easy_setopt(handle, CURLOPT_TIMEOUT, timeout);
  curl_easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, std::min(kStallSeconds, timeout));
  set_trust(handle, ca_file);
}

}  // namespace sampan

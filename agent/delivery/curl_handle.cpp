#include "agent/delivery/curl_handle.hpp"

#include <algorithm>
#include <cstdlib>

#include "agent/delivery/ca_bundle.hpp"

namespace sampan {
namespace {

constexpr long kConnectSeconds = 10;
constexpr long kStallSeconds = 30;

// Whether all of a handle's options were taken.
class Options {
 public:
  explicit Options(CURL* handle) : handle_(handle) {}
  template <typename T>
  void set(CURLoption option, T value) { good_ &= curl_easy_setopt(handle_, option, value) == CURLE_OK; }
  bool good() const { return good_; }

 private:
  CURL* handle_;
  bool good_ = true;
};

void set_trust(Options& options, const std::string& ca_file) {
  options.set(CURLOPT_CAPATH, nullptr);
  const char* named = std::getenv("SSL_CERT_FILE");
  if (!ca_file.empty()) named = ca_file.c_str();
  if (named && *named) return options.set(CURLOPT_CAINFO, named);
  curl_blob bundle{const_cast<char*>(ca_bundle().data()), ca_bundle().size(), CURL_BLOB_NOCOPY};
  options.set(CURLOPT_CAINFO_BLOB, &bundle);
}

}  // namespace

bool set_common(CURL* handle, const std::string& url, const std::string& ca_file, unsigned timeout_seconds) {
  // libcurl reads http_proxy in small letters only, out of care for CGI programs; pods set either.
  if (const char* proxy = std::getenv("HTTP_PROXY")) ::setenv("http_proxy", proxy, 0);
  const auto timeout = static_cast<long>(timeout_seconds);
  Options options(handle);
  options.set(CURLOPT_URL, url.c_str());
  options.set(CURLOPT_PROTOCOLS_STR, "http,https");
  options.set(CURLOPT_FOLLOWLOCATION, 0L);
  options.set(CURLOPT_NOSIGNAL, 1L);
  options.set(CURLOPT_USERAGENT, "sampan/" SAMPAN_VERSION);
  options.set(CURLOPT_CONNECTTIMEOUT, std::min(kConnectSeconds, timeout));
  options.set(CURLOPT_TIMEOUT, timeout);
  options.set(CURLOPT_LOW_SPEED_LIMIT, 1L);
  options.set(CURLOPT_LOW_SPEED_TIME, std::min(kStallSeconds, timeout));
  set_trust(options, ca_file);
  return options.good();
}

}  // namespace sampan

// Thin owners of libcurl's objects, and what every request of the agent has in common.
#pragma once

#include <curl/curl.h>

#include <memory>
#include <string>

namespace sampan {

// libcurl's handles are all `void`: the function is the type.
template <auto release>
struct CurlRelease {
  template <typename T>
  void operator()(T* object) const { release(object); }
};
using CurlHandle = std::unique_ptr<CURL, CurlRelease<curl_easy_cleanup>>;
using CurlMulti = std::unique_ptr<CURLM, CurlRelease<curl_multi_cleanup>>;
using CurlList = std::unique_ptr<curl_slist, CurlRelease<curl_slist_free_all>>;
using CurlMime = std::unique_ptr<curl_mime, CurlRelease<curl_mime_free>>;

// Protocols, time-outs, and the certificates to trust: `ca_file`, else SSL_CERT_FILE, else the embedded bundle. False where
// there is too little memory.
bool set_common(CURL* handle, const std::string& url, const std::string& ca_file, unsigned timeout_seconds);

}  // namespace sampan

#include "agent/guard/url.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <new>

namespace sampan {
namespace {

constexpr unsigned kAnyScheme = CURLU_NON_SUPPORT_SCHEME | CURLU_PATH_AS_IS;

}  // namespace

void Url::Release::operator()(Curl_URL* url) const { curl_url_cleanup(url); }

std::optional<Url> Url::parse(const std::string& text) {
  Url url(curl_url());
  if (!url.url_) throw std::bad_alloc();
  if (text.find('\0') != std::string::npos || curl_url_set(url.url_.get(), CURLUPART_URL, text.c_str(), kAnyScheme) != CURLUE_OK) return {};
  return url;
}

std::string Url::part(int what, unsigned flags) const {
  char* text = nullptr;
  const CURLUcode code = curl_url_get(url_.get(), static_cast<CURLUPart>(what), &text, flags);
  if (code == CURLUE_OUT_OF_MEMORY) throw std::bad_alloc();
  if (code != CURLUE_OK) return {};
  const std::unique_ptr<char, void (*)(void*)> owned(text, curl_free);
  return text;
}

void Url::set(int what, const char* value, unsigned flags) {
  if (curl_url_set(url_.get(), static_cast<CURLUPart>(what), value, flags) == CURLUE_OUT_OF_MEMORY) throw std::bad_alloc();
}

std::string Url::scheme() const { return part(CURLUPART_SCHEME); }
std::string Url::host() const { return part(CURLUPART_HOST); }
std::string Url::port() const { return part(CURLUPART_PORT, CURLU_DEFAULT_PORT); }
std::string Url::path() const { return part(CURLUPART_PATH); }
std::string Url::user() const { return part(CURLUPART_USER); }
std::string Url::password() const { return part(CURLUPART_PASSWORD); }

std::vector<std::pair<std::string, std::string>> Url::query() const {
  std::vector<std::pair<std::string, std::string>> all;
  const std::string text = part(CURLUPART_QUERY);
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('&', at), text.size());
    const std::string one = text.substr(at, end - at);
    const auto equals = std::min(one.find('='), one.size());
    all.emplace_back(one.substr(0, equals), equals < one.size() ? one.substr(equals + 1) : std::string());
    at = end + 1;
  }
  return all;
}

void Url::set_path(const std::string& encoded) { set(CURLUPART_PATH, encoded.c_str()); }

void Url::add_query(const std::string& name, const std::string& value) {
  set(CURLUPART_QUERY, (name + "=" + value).c_str(), CURLU_APPENDQUERY | CURLU_URLENCODE);
}

void Url::hide_credentials(const std::string& mask) {
  const bool any = !user().empty() || !password().empty();
  set(CURLUPART_PASSWORD, nullptr);
  set(CURLUPART_OPTIONS, nullptr);
  set(CURLUPART_USER, any ? mask.c_str() : nullptr);
  set(CURLUPART_QUERY, nullptr);
  set(CURLUPART_FRAGMENT, nullptr);
}

std::string Url::text() const { return part(CURLUPART_URL); }

}  // namespace sampan

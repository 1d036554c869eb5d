// A URL, taken apart and put together by libcurl: what it takes for the host here, it connects to later.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

struct Curl_URL;

namespace sampan {

// Owns its text; getters give copies.
class Url {
 public:
  // Of any scheme, which must stand there; none where libcurl would not take it.
  static std::optional<Url> parse(const std::string& text);

  std::string scheme() const;
  std::string host() const;
  std::string port() const;          // the scheme's own where none is given
  std::string path() const;          // begins with a slash
  std::string user() const;          // as it stands, still encoded; the same goes for the others
  std::string password() const;
  // The query's parameters in their order, values still encoded.
  std::vector<std::pair<std::string, std::string>> query() const;

  void set_path(const std::string& encoded);
  // Encodes the value.
  void add_query(const std::string& name, const std::string& value);
  // Leaves nothing of user and password but `mask`, where there was one; no query and no fragment.
  void hide_credentials(const std::string& mask);
  std::string text() const;

 private:
  struct Release {
    void operator()(Curl_URL* url) const;
  };
  explicit Url(Curl_URL* url) : url_(url) {}
  std::string part(int what, unsigned flags = 0) const;
  void set(int what, const char* value, unsigned flags = 0);
  std::unique_ptr<Curl_URL, Release> url_;
};

}  // namespace sampan

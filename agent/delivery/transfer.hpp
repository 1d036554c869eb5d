// One request on its way: what was sent, what came back, and what follows from it.
#pragma once

#include <array>

#include "agent/delivery/curl_handle.hpp"
#include "agent/delivery/http.hpp"
#include "agent/delivery/retry.hpp"

namespace sampan {

// The request outlives it. Times are seconds of the clock that its caller counts by.
class Transfer {
 public:
  Transfer(const Request& request, double now);

  bool done() const { return done_; }
  bool running() const { return running_; }
  double due() const { return due_; }           // seconds, when the next attempt starts
  CURL* handle() const { return handle_.get(); }
  const DeliveryReport& report() const { return report_; }

  // A new attempt by `multi`, which must outlive it or be told to let go. False where there is too little memory for it: it is
  // due again then, or done.
  bool start(CURLM* multi, double most_seconds, double now);
  // The attempt is over: done, or due again.
  void finish(CURLcode code, double now);
  void give_up(const std::string& why);

 private:
  bool prepare(double most_seconds);
  bool set_headers();
  bool set_body();
  template <typename T>
  void set(CURLoption option, T value) { set_failed_ |= curl_easy_setopt(handle_.get(), option, value) != CURLE_OK; }
  void judge();
  void follow(double now);
  void again(double now, const std::string& why);
  void end(bool delivered, bool refused, std::string why);
  bool sent_whole() const;
  std::string answer() const;

  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self);

  const Request& request_;
  CurlHandle handle_;
  CurlList headers_;
  CurlMime mime_;
  DeliveryReport report_;
  std::string url_;             // where to now: redirects change it
  bool foreign_ = false;        // another host than the one asked for: no credentials go there
  unsigned redirects_ = 0;
  bool running_ = false, done_ = false, set_failed_ = false;
  double due_, first_ = 0;
  std::array<char, CURL_ERROR_SIZE> error_{};
  std::string body_, retry_after_;
  std::uint64_t received_ = 0;
};

}  // namespace sampan

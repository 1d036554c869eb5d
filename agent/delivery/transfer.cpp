#include "agent/delivery/transfer.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <random>

#include "agent/contract/clock.hpp"
#include "agent/guard/redact.hpp"

namespace sampan {
namespace {

constexpr unsigned kMostRedirects = 5;
constexpr std::size_t kKept = 2048;                       // of an answer's body
constexpr std::uint64_t kMostAnswer = 1 << 20;            // an answer that does not end is cut

double random_share() {
  static std::minstd_rand engine(std::random_device{}());
  return std::uniform_real_distribution<double>(0, 1)(engine);
}

// Trust and configuration do not change by waiting.
bool is_final(CURLcode code) {
  constexpr std::array kFinal = {CURLE_URL_MALFORMAT, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR,
                                 CURLE_SSL_PINNEDPUBKEYNOTMATCH, CURLE_SSL_CIPHER};
  return std::find(kFinal.begin(), kFinal.end(), code) != kFinal.end();
}

std::string part_of(CURLU* url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, CURLU_DEFAULT_PORT) != CURLUE_OK) return {};
  std::string copy = text;
  curl_free(text);
  return copy;
}

struct Origin {
  std::string scheme, host, port;
  bool operator==(const Origin&) const = default;
};
Origin origin_of(const std::string& text) {
  const CurlUrl url(curl_url());
  if (!url || curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK) return {};
  return {part_of(url.get(), CURLUPART_SCHEME), part_of(url.get(), CURLUPART_HOST), part_of(url.get(), CURLUPART_PORT)};
}

}  // namespace

Transfer::Transfer(const Request& request, double now) : request_(request), url_(request.url), due_(now) {
  report_.destination = redact_url(request.url);
  report_.file = request.file;
}

std::size_t Transfer::on_body(char* data, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  transfer.received_ += size * count;
  transfer.body_.append(data, std::min(size * count, kKept - std::min(kKept, transfer.body_.size())));
  return transfer.received_ > kMostAnswer ? 0 : size * count;
}

std::size_t Transfer::on_header(char* data, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  const std::string_view line(data, size * count);
  constexpr std::string_view kName = "retry-after:";
  if (line.starts_with("HTTP/")) transfer.retry_after_.clear();
  if (line.size() > kName.size() && strncasecmp(line.data(), kName.data(), kName.size()) == 0) {
    transfer.retry_after_ = line.substr(kName.size());
  }
  return size * count;
}

void Transfer::set_headers() {
  // No round trip for nothing; but libcurl would sign the header that it then leaves out.
  const bool is_signed = !request_.sigv4.empty() && !foreign_;
  curl_slist* list = is_signed ? nullptr : curl_slist_append(nullptr, "Expect:");
  const auto append = [&](const auto& headers) {
    for (const auto& [name, value] : headers) {
      list = curl_slist_append(list, (value.empty() ? name + ";" : name + ": " + value).c_str());
    }
  };
  append(request_.plain_headers);
  if (!foreign_) append(request_.headers);
  headers_.reset(list);
  curl_easy_setopt(handle_.get(), CURLOPT_HTTPHEADER, list);
  if (foreign_) return;
  if (is_signed) {
    curl_easy_setopt(handle_.get(), CURLOPT_AWS_SIGV4, request_.sigv4.c_str());
    curl_easy_setopt(handle_.get(), CURLOPT_USERPWD, request_.user_password.c_str());
  }
  if (!request_.cert_file.empty()) {
    curl_easy_setopt(handle_.get(), CURLOPT_SSLCERT, request_.cert_file.c_str());
    curl_easy_setopt(handle_.get(), CURLOPT_SSLKEY, request_.key_file.c_str());
  }
}

void Transfer::set_body() {
  CURL* handle = handle_.get();
  if (request_.form.empty()) {
    curl_easy_setopt(handle, CURLOPT_POSTFIELDS, request_.body.data() ? request_.body.data() : "");
    curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
    curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request_.method.c_str());
    return;
  }
  mime_.reset(curl_mime_init(handle));
  for (const FormPart& part : request_.form) {
    curl_mimepart* to = curl_mime_addpart(mime_.get());
    curl_mime_name(to, part.name.c_str());
    curl_mime_data(to, part.value.data(), part.value.size());
    if (!part.file_name.empty()) curl_mime_filename(to, part.file_name.c_str());
    if (!part.content_type.empty()) curl_mime_type(to, part.content_type.c_str());
  }
  curl_easy_setopt(handle, CURLOPT_MIMEPOST, mime_.get());
}

void Transfer::start(double most_seconds) {
  handle_.reset(curl_easy_init());
  body_.clear();
  received_ = 0;
  error_[0] = 0;
  curl_easy_setopt(handle_.get(), CURLOPT_ERRORBUFFER, error_.data());
  const double timeout = most_seconds < 0 ? request_.timeout_seconds : std::min<double>(request_.timeout_seconds, std::max(1.0, most_seconds));
  set_common(handle_.get(), url_, request_.ca_file, static_cast<unsigned>(timeout));
  set_headers();
  set_body();
  curl_easy_setopt(handle_.get(), CURLOPT_WRITEFUNCTION, &Transfer::on_body);
  curl_easy_setopt(handle_.get(), CURLOPT_WRITEDATA, this);
  curl_easy_setopt(handle_.get(), CURLOPT_HEADERFUNCTION, &Transfer::on_header);
  curl_easy_setopt(handle_.get(), CURLOPT_HEADERDATA, this);
  curl_easy_setopt(handle_.get(), CURLOPT_PRIVATE, this);
  running_ = true;
  ++report_.attempts;
  if (first_ <= 0) first_ = static_cast<double>(monotonic_ns()) / 1e9;
}

bool Transfer::sent_whole() const {
  curl_off_t sent = 0;
  curl_easy_getinfo(handle_.get(), CURLINFO_SIZE_UPLOAD_T, &sent);
  std::size_t payload = request_.body.size();
  for (const FormPart& part : request_.form) payload += part.value.size();
  return static_cast<std::size_t>(std::max<curl_off_t>(sent, 0)) >= payload;
}

void Transfer::finish(CURLcode code, double now) {
  running_ = false;
  long status = 0;
  curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &status);
  report_.status = status;
  // A whole request with a final status is answered, even where the answer's body is cut short.
  const bool answered = status >= 200 && (code == CURLE_OK || sent_whole());
  if (!answered) {
    const std::string why = error_[0] ? printable(error_.data(), error_.size()) : curl_easy_strerror(code);
    return is_final(code) ? end(false, true, why) : again(now, why);
  }
  switch (verdict_of(status, request_.only_if_absent)) {
    case Verdict::Delivered: return end(true, false, {});
    case Verdict::Redirect: return status == 303 ? end(true, false, {}) : follow(now);
    case Verdict::Refused: return end(false, true, answer());
    case Verdict::Retry: return again(now, answer());
  }
}

std::string Transfer::answer() const {
  std::string text = fmt::format("the server answered {}", report_.status);
  if (!body_.empty()) text += ": " + printable(body_, 160);
  return text;
}

void Transfer::follow(double now) {
  char* location = nullptr;
  curl_easy_getinfo(handle_.get(), CURLINFO_REDIRECT_URL, &location);
  if (!location) return end(false, true, fmt::format("the server answered {} without a place to go to", report_.status));
  if (++redirects_ > kMostRedirects) return end(false, true, fmt::format("more than {} redirects", kMostRedirects));
  const Origin from = origin_of(url_), to = origin_of(location);
  if (to.scheme != "http" && to.scheme != "https") return end(false, true, "redirected to something that is not HTTP");
  if (from.scheme == "https" && to.scheme == "http") return end(false, true, "redirected from HTTPS to plain HTTP");
  url_ = location;
  foreign_ |= to != origin_of(request_.url);
  due_ = now;
}

void Transfer::again(double now, const std::string& why) {
  double wait = back_off(report_.attempts, random_share());
  const auto asked = parse_retry_after(retry_after_, static_cast<std::int64_t>(wall_ns() / 1'000'000'000));
  if (asked) wait = std::max(*asked, 0.1);
  retry_after_.clear();
  const double left = first_ + request_.retry_seconds - now;
  if (wait > left) {
    const auto waiting = asked && left > 0 ? fmt::format("; it asks to wait {:.0f} s, longer than what is left of retry_seconds", *asked) : "";
    return end(false, false, fmt::format("{} (attempt {}){}", why, report_.attempts, waiting));
  }
  report_.failure = why;
  due_ = now + wait;
}

void Transfer::end(bool delivered, bool refused, std::string why) {
  done_ = true;
  report_.delivered = delivered;
  report_.refused = refused;
  report_.failure = std::move(why);
}

void Transfer::give_up(const std::string& why) {
  running_ = false;
  end(false, false, report_.failure.empty() ? why : report_.failure + "; " + why);
}

}  // namespace sampan

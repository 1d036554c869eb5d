#include "agent/delivery/transfer.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <random>

#include "agent/contract/clock.hpp"
#include "agent/guard/redact.hpp"
#include "agent/guard/url.hpp"

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

struct Origin {
  std::string scheme, host, port;
  bool operator==(const Origin&) const = default;
};
// Of what is no URL: one without a scheme, which equals no real one's.
Origin origin_of(const std::string& text) {
  const auto url = Url::parse(text);
  if (!url) return {};
  return {url->scheme(), url->host(), url->port()};
}

bool set_header(CurlList& list, const std::string& line) {
  curl_slist* longer = curl_slist_append(list.get(), line.c_str());
  if (!longer) return false;
  static_cast<void>(list.release());
  list.reset(longer);
  return true;
}

// A part's bytes are handed over from where they are.
struct PartReader {
  std::string_view bytes;
  std::size_t at = 0;

  static std::size_t read(char* into, std::size_t size, std::size_t count, void* self) {
    auto& reader = *static_cast<PartReader*>(self);
    const std::size_t got = reader.bytes.copy(into, size * count, reader.at);
    reader.at += got;
    return got;
  }
  static int seek(void* self, curl_off_t offset, int origin) {
    auto& reader = *static_cast<PartReader*>(self);
    if (origin != SEEK_SET || offset < 0 || static_cast<std::size_t>(offset) > reader.bytes.size()) return CURL_SEEKFUNC_FAIL;
    reader.at = static_cast<std::size_t>(offset);
    return CURL_SEEKFUNC_OK;
  }
  static void release(void* self) { delete static_cast<PartReader*>(self); }
};

bool add_part(curl_mime* mime, const FormPart& part) {
  curl_mimepart* to = curl_mime_addpart(mime);
  if (!to || curl_mime_name(to, part.name.c_str()) != CURLE_OK) return false;
  const auto size = static_cast<curl_off_t>(part.bytes().size());
  if (curl_mime_data_cb(to, size, PartReader::read, PartReader::seek, PartReader::release, new PartReader{part.bytes()}) != CURLE_OK) return false;
  if (!part.file_name.empty() && curl_mime_filename(to, part.file_name.c_str()) != CURLE_OK) return false;
  return part.content_type.empty() || curl_mime_type(to, part.content_type.c_str()) == CURLE_OK;
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

// False where memory is short, here and below: nothing is sent then that is not whole.
bool Transfer::set_headers() {
  // No round trip for nothing; but libcurl would sign the header that it then leaves out.
  const bool is_signed = !request_.sigv4.empty() && !foreign_;
  headers_.reset();
  bool good = is_signed || set_header(headers_, "Expect:");
  const auto append = [&](const auto& headers) {
    for (const auto& [name, value] : headers) good = good && set_header(headers_, value.empty() ? name + ";" : name + ": " + value);
  };
  append(request_.plain_headers);
  if (!foreign_) append(request_.headers);
  set(CURLOPT_HTTPHEADER, headers_.get());
  if (foreign_) return good;
  if (is_signed) {
    set(CURLOPT_AWS_SIGV4, request_.sigv4.c_str());
    set(CURLOPT_USERPWD, request_.user_password.c_str());
  }
  if (!request_.cert_file.empty()) {
    set(CURLOPT_SSLCERT, request_.cert_file.c_str());
    set(CURLOPT_SSLKEY, request_.key_file.c_str());
  }
  return good;
}

bool Transfer::set_body() {
  if (request_.form.empty()) {
    set(CURLOPT_POSTFIELDS, request_.body.data() ? request_.body.data() : "");   // not copied
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
    set(CURLOPT_CUSTOMREQUEST, request_.method.c_str());
    return true;
  }
  mime_.reset(curl_mime_init(handle_.get()));
  const auto& form = request_.form;
  const bool whole = mime_ && std::all_of(form.begin(), form.end(), [&](const FormPart& part) { return add_part(mime_.get(), part); });
  set(CURLOPT_MIMEPOST, mime_.get());
  return whole;
}

bool Transfer::prepare(double most_seconds) {
  mime_.reset();
  handle_.reset(curl_easy_init());
  if (!handle_) return false;
  set_failed_ = false;
  set(CURLOPT_ERRORBUFFER, error_.data());
  const double timeout = most_seconds < 0 ? request_.timeout_seconds : std::min<double>(request_.timeout_seconds, std::max(1.0, most_seconds));
  if (!set_common(handle_.get(), url_, request_.ca_file, static_cast<unsigned>(timeout))) return false;
  if (!set_headers() || !set_body()) return false;
  set(CURLOPT_WRITEFUNCTION, &Transfer::on_body);
  set(CURLOPT_WRITEDATA, this);
  set(CURLOPT_HEADERFUNCTION, &Transfer::on_header);
  set(CURLOPT_HEADERDATA, this);
  set(CURLOPT_PRIVATE, this);
  return !set_failed_;
}

bool Transfer::start(CURLM* multi, double most_seconds, double now) {
  body_.clear();
  received_ = 0;
  error_[0] = 0;
  ++report_.attempts;
  if (first_ <= 0) first_ = now;
  running_ = prepare(most_seconds) && curl_multi_add_handle(multi, handle_.get()) == CURLM_OK;
  if (!running_) again(now, "there is too little memory to send it");
  return running_;
}

bool Transfer::sent_whole() const {
  curl_off_t sent = 0;
  curl_easy_getinfo(handle_.get(), CURLINFO_SIZE_UPLOAD_T, &sent);
  std::size_t payload = request_.body.size();
  for (const FormPart& part : request_.form) payload += part.bytes().size();
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
  switch (verdict_of(status, request_.only_if_absent, request_.retried)) {
    case Verdict::Delivered: return judge();
    case Verdict::Redirect: return follow(now);
    case Verdict::Refused: return end(false, true, answer());
    case Verdict::Retry: return again(now, answer());
  }
}

void Transfer::judge() {
  std::string why = request_.rejected ? request_.rejected(body_) : "";
  end(why.empty(), !why.empty(), why);
}

std::string Transfer::answer() const {
  std::string text = fmt::format("the server answered {}", report_.status);
  if (!body_.empty()) text += ": " + printable(body_, 160);
  return text;
}

void Transfer::follow(double now) {
  // 303, and to most clients 301 and 302 after a POST, mean a GET from then on: a page to look at, a log-in maybe, but
  // nothing that has taken the file.
  const bool turns_into_get = report_.status == 303 || (request_.method == "POST" && (report_.status == 301 || report_.status == 302));
  if (turns_into_get) return end(false, true, fmt::format("the server answered {}: a redirect to a page, which stores no file", report_.status));
  char* location = nullptr;
  curl_easy_getinfo(handle_.get(), CURLINFO_REDIRECT_URL, &location);
  if (!location) return end(false, true, fmt::format("the server answered {} without saying where to go", report_.status));
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
  report_.asked = asked;
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

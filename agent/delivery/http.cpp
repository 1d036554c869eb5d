#include "agent/delivery/http.hpp"

#include <algorithm>
#include <memory>

#include "agent/contract/clock.hpp"
#include "agent/delivery/transfer.hpp"
#include "agent/guard/redact.hpp"

namespace sampan {
namespace {

double now_seconds() { return static_cast<double>(monotonic_ns()) / 1e9; }

using Transfers = std::vector<std::unique_ptr<Transfer>>;

void start_due(CURLM* multi, const Transfers& transfers, double left) {
  for (const auto& transfer : transfers) {
    if (transfer->done() || transfer->running() || transfer->due() > now_seconds()) continue;
    transfer->start(multi, left, now_seconds());
  }
}

void take_finished(CURLM* multi) {
  int more = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi, &more)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode code = message->data.result;
    CURL* handle = message->easy_handle;
    Transfer* transfer = nullptr;
    curl_easy_getinfo(handle, CURLINFO_PRIVATE, &transfer);
    curl_multi_remove_handle(multi, handle);
    transfer->finish(code, now_seconds());
  }
}

// Milliseconds to wait for sockets: until the next attempt is due, at most a fifth of a second.
int patience(const Transfers& transfers) {
  double next = 0.2;
  for (const auto& transfer : transfers) {
    if (!transfer->done() && !transfer->running()) next = std::min(next, transfer->due() - now_seconds());
  }
  return static_cast<int>(std::max(0.0, next) * 1000) + 1;
}

std::size_t hand_on(char* data, std::size_t size, std::size_t count, void* take) {
  const auto& function = *static_cast<const std::function<bool(std::string_view)>*>(take);
  return function({data, size * count}) ? size * count : 0;
}

}  // namespace

std::vector<DeliveryReport> send_all(const std::vector<Request>& requests, double (*seconds_left)()) {
  if (requests.empty()) return {};   // libcurl and its TLS take a while to get ready
  Transfers transfers;
  for (const Request& request : requests) transfers.push_back(std::make_unique<Transfer>(request, now_seconds()));
  const CurlMulti multi(curl_multi_init());   // goes before the handles that it holds
  if (!multi) {
    for (const auto& transfer : transfers) transfer->give_up("there is too little memory to send it");
  }
  const auto all_done = [&] { return std::all_of(transfers.begin(), transfers.end(), [](const auto& t) { return t->done(); }); };
  while (!all_done()) {
    const double left = seconds_left();
    for (const auto& transfer : transfers) {
      if (left != 0 || transfer->done()) continue;
      if (transfer->running()) curl_multi_remove_handle(multi.get(), transfer->handle());
      transfer->give_up("given up, since the agent was asked to end");
    }
    start_due(multi.get(), transfers, left);
    int running = 0;
    const CURLMcode performed = curl_multi_perform(multi.get(), &running);
    take_finished(multi.get());
    for (const auto& transfer : transfers) {
      if (performed == CURLM_OK || !transfer->running()) continue;
      curl_multi_remove_handle(multi.get(), transfer->handle());
      transfer->give_up(curl_multi_strerror(performed));
    }
    if (!all_done()) curl_multi_poll(multi.get(), nullptr, 0, patience(transfers), nullptr);
  }
  std::vector<DeliveryReport> reports;
  for (const auto& transfer : transfers) reports.push_back(transfer->report());
  return reports;
}

namespace {

// False where memory does not suffice.
bool add_headers(CurlList& list, const std::vector<std::pair<std::string, std::string>>& headers) {
  for (const auto& [name, value] : headers) {
    curl_slist* longer = curl_slist_append(list.get(), (name + ": " + value).c_str());
    if (!longer) return false;
    static_cast<void>(list.release());
    list.reset(longer);
  }
  return true;
}

}  // namespace

Result<std::string> ask(const Question& question) {
  constexpr unsigned kSeconds = 10;
  constexpr std::size_t kMostAnswer = 256 * 1024;
  const CurlHandle handle(curl_easy_init());
  CurlList headers;
  std::string answer;
  const std::function<bool(std::string_view)> take = [&](std::string_view piece) {
    answer += piece;
    return answer.size() <= kMostAnswer;
  };
  if (!handle || !set_common(handle.get(), question.url, {}, kSeconds) || !add_headers(headers, question.headers)) return fail(Exit::Internal, "there is too little memory to ask {}", question.what);
  curl_easy_setopt(handle.get(), CURLOPT_HTTPHEADER, headers.get());
  if (!question.body.empty()) {
    curl_easy_setopt(handle.get(), CURLOPT_POSTFIELDS, question.body.c_str());
    curl_easy_setopt(handle.get(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(question.body.size()));
  }
  curl_easy_setopt(handle.get(), CURLOPT_WRITEFUNCTION, hand_on);
  curl_easy_setopt(handle.get(), CURLOPT_WRITEDATA, &take);
  const CURLcode code = curl_easy_perform(handle.get());
  long status = 0;
  curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
  if (code != CURLE_OK) return fail(Exit::DeliveryFailed, "{} at {} does not answer: {}", question.what, redact_url(question.url), curl_easy_strerror(code));
  if (status / 100 == 2) return answer;
  return fail(status / 100 == 4 ? Exit::DeliveryRefused : Exit::DeliveryFailed, "{} at {} answered {}: {}", question.what, redact_url(question.url), status, printable(answer, 160));
}

Result<void> fetch(const std::string& url, const std::function<bool(std::string_view)>& take, const Signature& signature) {
  constexpr unsigned kMostSeconds = 600;   // a stall ends it much sooner
  static const CurlHandle handle(curl_easy_init());   // thousands of inputs share a connection
  if (handle) curl_easy_reset(handle.get());
  CurlList headers;
  if (!handle || !set_common(handle.get(), url, {}, kMostSeconds) || !add_headers(headers, signature.headers)) return fail(Exit::Internal, "there is too little memory to fetch {}", redact_url(url));
  if (signature.sigv4.empty()) {
    curl_easy_setopt(handle.get(), CURLOPT_FOLLOWLOCATION, 1L);
  } else {
    curl_easy_setopt(handle.get(), CURLOPT_AWS_SIGV4, signature.sigv4.c_str());
    curl_easy_setopt(handle.get(), CURLOPT_USERPWD, signature.user_password.c_str());
    curl_easy_setopt(handle.get(), CURLOPT_HTTPHEADER, headers.get());
  }
  curl_easy_setopt(handle.get(), CURLOPT_MAXREDIRS, 5L);
  curl_easy_setopt(handle.get(), CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  if (signature.sigv4.empty()) curl_easy_setopt(handle.get(), CURLOPT_ACCEPT_ENCODING, "");
  curl_easy_setopt(handle.get(), CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(handle.get(), CURLOPT_WRITEFUNCTION, hand_on);
  curl_easy_setopt(handle.get(), CURLOPT_WRITEDATA, &take);
  const CURLcode code = curl_easy_perform(handle.get());
  if (code == CURLE_OK) return {};
  long status = 0;
  curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
  const Exit exit = status >= 400 && status < 500 ? Exit::DeliveryRefused : Exit::DeliveryFailed;
  return fail(exit, "{} cannot be fetched: {}{}", redact_url(url), curl_easy_strerror(code),
              status >= 400 ? fmt::format(" ({})", status) : "");
}

}  // namespace sampan

#include "agent/delivery/retry.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>

#include <curl/curl.h>

namespace sampan {

namespace {

Verdict general_verdict(long status, bool only_if_absent) {
  if (status >= 200 && status < 300) return Verdict::Delivered;
  if (status == 412 && only_if_absent) return Verdict::Delivered;
  if (status == 409 && only_if_absent) return Verdict::Retry;
  if (status >= 300 && status < 400) return Verdict::Redirect;
  if (status == 408 || status == 425 || status == 429) return Verdict::Retry;
  // 501 and 505 say that the server never will.
  if (status >= 500) return status == 501 || status == 505 ? Verdict::Refused : Verdict::Retry;
  return Verdict::Refused;
}

}  // namespace

Verdict verdict_of(long status, bool only_if_absent, std::span<const long> retried) {
  const Verdict verdict = general_verdict(status, only_if_absent);
  if (verdict != Verdict::Retry || retried.empty()) return verdict;
  return std::find(retried.begin(), retried.end(), status) == retried.end() ? Verdict::Refused : Verdict::Retry;
}

std::optional<double> parse_retry_after(std::string_view value, std::int64_t now_epoch) {
  const auto first = value.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  value = value.substr(first, value.find_last_not_of(" \t\r\n") + 1 - first);
  std::uint32_t seconds = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (error == std::errc{} && end == value.data() + value.size()) return seconds;
  if (value.size() > 64 || (value[0] >= '0' && value[0] <= '9')) return {};
  const auto date = static_cast<std::int64_t>(curl_getdate(std::string(value).c_str(), nullptr));
  if (date < 0) return {};
  return static_cast<double>(std::max<std::int64_t>(0, date - now_epoch));
}

double back_off(unsigned attempt, double random) {
  const double whole = std::min(20.0, std::ldexp(0.5, static_cast<int>(std::min(attempt, 16u)) - 1));
  return whole * (0.5 + 0.5 * random);
}

}  // namespace sampan

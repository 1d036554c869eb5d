#include "agent/contract/instants.hpp"

#include <charconv>
#include <chrono>
#include <cmath>

namespace sampan {
namespace {

constexpr double kMostSeconds = 1e9;

// Takes so many digits off the front.
bool digits(std::string_view& text, std::size_t count, int& into) {
  if (text.size() < count) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + count, into);
  if (error != std::errc() || end != text.data() + count || text[0] == '-') return false;
  text.remove_prefix(count);
  return true;
}

bool letter(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text[0]) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

// `.5` and the like, as nanoseconds.
std::int64_t fraction(std::string_view& text) {
  std::int64_t ns = 0, unit = 100'000'000;
  if (!letter(text, ".")) return 0;
  for (; !text.empty() && text[0] >= '0' && text[0] <= '9'; text.remove_prefix(1), unit /= 10) ns += (text[0] - '0') * unit;
  return ns;
}

std::optional<Instant> rfc3339(std::string_view text) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  const bool date = digits(text, 4, year) && letter(text, "-") && digits(text, 2, month) && letter(text, "-") && digits(text, 2, day) && letter(text, "Tt ");
  if (!date || !digits(text, 2, hour) || !letter(text, ":") || !digits(text, 2, minute) || !letter(text, ":") || !digits(text, 2, second)) return {};
  const std::int64_t ns = fraction(text);
  int zone = 0;
  if (!letter(text, "Zz")) {
    int zone_hour = 0, zone_minute = 0;
    const int sign = text.starts_with('-') ? -1 : 1;
    if (!letter(text, "+-") || !digits(text, 2, zone_hour) || !letter(text, ":") || !digits(text, 2, zone_minute)) return {};
    zone = sign * (zone_hour * 60 + zone_minute);
  }
  const std::chrono::year_month_day day_of{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)), std::chrono::day(static_cast<unsigned>(day))};
  if (!text.empty() || !day_of.ok() || hour > 23 || minute > 59 || second > 60 || year < 1970 || year > 2500) return {};
  const std::int64_t seconds = std::chrono::sys_days(day_of).time_since_epoch().count() * std::int64_t{86400} + hour * 3600 + (minute - zone) * 60 + second;
  if (seconds < 0) return {};
  return Instant{true, static_cast<std::uint64_t>(seconds * 1'000'000'000 + ns)};
}

}  // namespace

std::optional<Instant> parse_instant(std::string_view text) {
  double seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size()) return rfc3339(text);
  if (!std::isfinite(seconds) || seconds < 0 || seconds > kMostSeconds) return {};
  return Instant{false, static_cast<std::uint64_t>(seconds * 1e9 + 0.5)};
}

}  // namespace sampan

// When to try again: pure decisions on an answer, a clock and a budget.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace sampan {

enum class Verdict : std::uint8_t { Delivered, Retry, Redirect, Refused };

// What an HTTP status means. 412 after `If-None-Match: *` says that the object is there already: delivered.
// Of the failures that would be tried again only `retried` are, where that is not empty.
Verdict verdict_of(long status, bool only_if_absent, std::span<const long> retried = {});

// Seconds to wait as a Retry-After header says, in seconds or as an HTTP-date; none where it says nothing sane.
std::optional<double> parse_retry_after(std::string_view value, std::int64_t now_epoch);

// Exponential back-off with full jitter in its upper half: 0.5, 1, 2, … seconds, at most 20; `attempt` from 1,
// `random` in [0, 1).
double back_off(unsigned attempt, double random);

}  // namespace sampan

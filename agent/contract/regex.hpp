// A pattern over bytes, by RE2: its time is linear in the text, so no tenant's command line can hold it up.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "samplers/base/result.hpp"

namespace re2 {
class RE2;
}

namespace sampan {

// Copies share one compiled pattern; matching is thread-safe.
class Regex {
 public:
  // RE2's syntax: POSIX extended with classes, \d \w \s \b. What backtracks (back-references, look-around) and what repeats
  // its parts more than 1000 times is refused; the sentence is RE2's. A pattern is at most two megabytes when compiled.
  static Result<Regex> compile(const std::string& pattern);
  // True where it matches anywhere in the text; `.` takes line breaks too, `^` and `$` are the text's ends.
  bool matches(std::string_view text) const;

 private:
  std::shared_ptr<const re2::RE2> compiled_;
};

}  // namespace sampan

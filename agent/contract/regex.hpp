// A POSIX extended regular expression over bytes: glibc's matcher never runs away on a tenant's command line,
// as std::regex does.
#pragma once

#include <regex.h>

#include <memory>
#include <string>

#include "samplers/base/result.hpp"

namespace sampan {

class Regex {
 public:
  // \d, \w, \s and their capitals are understood as Perl has them; back-references are refused, since they backtrack.
  static Result<Regex> compile(const std::string& pattern);
  // True where it matches anywhere in the text, up to the first NUL.
  bool matches(const std::string& text) const;

 private:
  std::shared_ptr<regex_t> compiled_;
};

}  // namespace sampan

#include "agent/contract/regex.hpp"

#include <re2/re2.h>

namespace sampan {

Result<Regex> Regex::compile(const std::string& pattern) {
  RE2::Options options;
  options.set_encoding(RE2::Options::EncodingLatin1);   // command lines are bytes: one that is no UTF-8 is matched as well
  options.set_dot_nl(true);
  options.set_log_errors(false);
  options.set_max_mem(2 << 20);
  Regex regex;
  regex.compiled_ = std::make_shared<const RE2>(pattern, options);
  if (!regex.compiled_->ok()) return fail(Exit::BadParams, "{}", regex.compiled_->error());
  return regex;
}

bool Regex::matches(std::string_view text) const {
  return RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *compiled_);
}

}  // namespace sampan

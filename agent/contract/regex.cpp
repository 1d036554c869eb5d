#include "agent/contract/regex.hpp"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <vector>

namespace sampan {
namespace {

constexpr std::uint64_t kMostRepetitions = 1 << 10;   // of what is repeated within repetitions: glibc takes its square of time
constexpr std::uint64_t kMostCopies = 1 << 14, kRepeatedGroup = 16;

// What a Perl escape means inside brackets; false where POSIX cannot say it.
bool append_in_bracket(std::string& out, char c) {
  if (c == 'd') out += "0-9";
  else if (c == 'w') out += "[:alnum:]_";
  else if (c == 's') out += "[:space:]";
  else if (std::isalnum(static_cast<unsigned char>(c)) || c == ']' || c == '-' || c == '^') return false;
  else out += c;
  return true;
}

// The largest number of an interval that starts behind `at`.
std::uint64_t interval(const char* at) {
  std::uint64_t most = 1, number = 0;
  for (; std::isdigit(static_cast<unsigned char>(*at)) || *at == ','; ++at) {
    number = *at == ',' ? 0 : std::min<std::uint64_t>(number * 10 + static_cast<std::uint64_t>(*at - '0'), kMostRepetitions + 1);
    most = std::max(most, number);
  }
  return most;
}

// How often glibc's compiler copies parts of the pattern: an interval (`{2,5}`) as often as it says; a group with a plus
// twice, and its empty ways are followed again and again: it counts for more.
struct Copies {
  std::uint64_t most = 1, all = 0;   // of one place; of all places together
};

// Where the bracket expression that starts at `at` ends.
std::size_t bracket_end(const std::string& posix, std::size_t at) {
  ++at;
  if (posix[at] == '^') ++at;
  if (posix[at] == ']') ++at;
  for (; at < posix.size() && posix[at] != ']'; ++at) {
    const char kind = posix[at] == '[' ? posix[at + 1] : '\0';   // [:alpha:], [=a=], [.a.]
    if (kind != ':' && kind != '=' && kind != '.') continue;
    const std::size_t end = posix.find({kind, ']'}, at + 2);
    if (end == std::string::npos) return posix.size();
    at = end + 1;
  }
  return at;
}

Copies copies(const std::string& posix) {
  std::vector<std::uint64_t> groups{1};   // of each open one, the most inside it so far
  Copies copies;
  std::uint64_t last = 1;                 // of what a repetition would repeat
  for (std::size_t at = 0; at < posix.size() && copies.all <= kMostCopies; ++at) {
    const char c = posix[at];
    if (c == ')' && groups.size() > 1) {
      last = groups.back();
      groups.pop_back();
    } else if (c == '{') {
      last *= interval(posix.c_str() + at + 1);
      at = std::min(posix.find('}', at), posix.size());
    } else if (c == '+' && at > 0 && std::string_view(")}*+?").find(posix[at - 1]) != std::string_view::npos) {
      last *= kRepeatedGroup;
    } else if (c != '+' && c != '*' && c != '?') {
      last = 1;
      if (c == '(') groups.push_back(1);
      if (c == '\\') ++at;
      if (c == '[') at = bracket_end(posix, at);
    }
    last = std::min(last, kMostRepetitions + 1);
    groups.back() = std::max(groups.back(), last);
    copies.most = std::max(copies.most, last);
    copies.all += last;
  }
  return copies;
}

// glibc has \w, \W, \s and \S itself. Inside brackets a backslash is a plain character to POSIX.
Result<std::string> translate(const std::string& pattern) {
  std::string out;
  bool bracket = false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '[' && !bracket) {
      bracket = true;
      out += c;
      if (i + 1 < pattern.size() && pattern[i + 1] == '^') out += pattern[++i];
      if (i + 1 < pattern.size() && pattern[i + 1] == ']') out += pattern[++i];
      continue;
    }
    if (c == ']') bracket = false;
    if (c != '\\' || i + 1 == pattern.size()) {
      out += c;
      continue;
    }
    const char next = pattern[++i];
    if (bracket ? !append_in_bracket(out, next) : next >= '1' && next <= '9') {
      return fail(Exit::BadParams, "\\{} is not understood {}", next, bracket ? "in brackets" : "(back-references backtrack)");
    }
    if (bracket) continue;
    if (next == 'd') out += "[0-9]";
    else if (next == 'D') out += "[^0-9]";
    else (out += '\\') += next;
  }
  return out;
}

}  // namespace

Result<Regex> Regex::compile(const std::string& pattern) {
  auto posix = translate(pattern);
  if (!posix) return tl::unexpected(posix.error());
  const Copies needed = copies(*posix);
  if (needed.most > kMostRepetitions || needed.all > kMostCopies) {
    return fail(Exit::BadParams, "it repeats what it repeats more than {} times", kMostRepetitions);
  }
  auto compiled = std::make_unique<regex_t>();
  const int error = regcomp(compiled.get(), posix->c_str(), REG_EXTENDED | REG_NOSUB);
  if (error != 0) {
    char text[128];
    regerror(error, compiled.get(), text, sizeof text);
    return fail(Exit::BadParams, "{}", text);
  }
  Regex regex;
  regex.compiled_ = std::shared_ptr<regex_t>(compiled.release(), [](regex_t* r) {
    regfree(r);
    delete r;
  });
  return regex;
}

bool Regex::matches(const std::string& text) const { return regexec(compiled_.get(), text.c_str(), 0, nullptr, 0) == 0; }

}  // namespace sampan

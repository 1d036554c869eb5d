// What must not be seen: secrets that the agent itself was given, and those that strangers put on command lines.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sampan {

// Texts of at least four bytes that every event and log line is cleaned of.
class Secrets {
 public:
  void hide(std::string secret);
  // Every occurrence becomes `***`.
  std::string scrub(std::string text) const;

 private:
  std::vector<std::string> hidden_;   // longest first
};

// Whether an option, header or field of this name holds what should not be seen: passwords, tokens, keys, cookies.
bool names_secret(std::string_view name);

// A command line for people: at most `most` bytes, printable, with the values of options whose names speak of
// passwords, tokens or keys, and users in URLs, as `***`.
std::string redact_command_line(std::string_view line, std::size_t most = 96);

// A URL without user, query and fragment: those are where credentials stand. What is no URL is hidden whole.
std::string redact_url(std::string_view url);

// Controls become blanks, and bytes that are not UTF-8 `?`; cut at a character's edge.
std::string printable(std::string_view text, std::size_t most);

}  // namespace sampan

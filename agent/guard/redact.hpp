// What must not be seen: secrets that the agent itself was given, and those that strangers put on command lines.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sampan {

// Texts of at least four bytes that every event and log line is cleaned of, as they are and as JSON, URLs and XML write them.
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

// A command line for people: at most `most` bytes, printable, with passwords, tokens and keys as `***`. Arguments are told
// apart by the NULs of /proc/PID/cmdline, so hand it over as it was read; a title that a program set has none, and only its
// words are known. Rather more is hidden than less.
std::string redact_command_line(std::string_view line, std::size_t most = 96);

// A URL without user, query and fragment: those are where credentials stand. What is no URL is hidden whole.
std::string redact_url(std::string_view url);

// Controls become blanks, and bytes that are not UTF-8 `?`; cut at a character's edge.
std::string printable(std::string_view text, std::size_t most);

}  // namespace sampan

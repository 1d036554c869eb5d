#include "agent/guard/redact.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "agent/guard/url.hpp"

namespace sampan {
namespace {

constexpr std::size_t kShortest = 4;
constexpr std::string_view kMask = "***";
constexpr std::array<std::string_view, 11> kSecretWords = {"pass", "cookie", "signature", "pwd", "secret", "token", "apikey", "api-key", "api_key", "auth", "cred"};

// `scheme://user:password@host` -> `scheme://***@host`
std::string without_user(std::string_view word) {
  const auto scheme = word.find("://");
  if (scheme == std::string_view::npos) return std::string(word);
  const auto host = scheme + 3;
  const auto at = word.substr(0, word.find('/', host)).rfind('@');
  if (at == std::string_view::npos || at < host) return std::string(word);
  return std::string(word.substr(0, host)).append(kMask).append(word.substr(at));
}

std::string redact_word(std::string_view word, bool& next_is_secret) {
  if (std::exchange(next_is_secret, false) && !word.starts_with('-')) return std::string(kMask);
  const auto equals = word.find('=');
  const std::string_view name = word.substr(0, equals);
  if (equals != std::string_view::npos && names_secret(name)) return std::string(name).append("=").append(kMask);
  if (word == "Bearer" || word == "Basic" || word.ends_with("Bearer")) next_is_secret = true;
  if (equals == std::string_view::npos && word.starts_with('-') && names_secret(word)) next_is_secret = true;
  return without_user(word);
}

// The bytes of the UTF-8 character at the text's start; 0 where there is none.
std::size_t character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t size = first >= 0xf0 && first < 0xf5 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
  if (size == 0 || first >= 0xf5 || text.size() < size) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const bool bad = (first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) > 0x9f) ||
                   (first == 0xf0 && byte(1) < 0x90) || (first == 0xf4 && byte(1) > 0x8f);
  const bool c1 = first == 0xc2 && byte(1) < 0xa0;   // controls of the upper half, too
  return bad || c1 ? 0 : size;
}

}  // namespace

bool names_secret(std::string_view option) {
  std::string lower;
  for (char c : option) lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (lower.ends_with("key") && lower.size() > 3) return true;
  return std::any_of(kSecretWords.begin(), kSecretWords.end(), [&](auto word) { return lower.find(word) != std::string::npos; });
}

void Secrets::hide(std::string secret) {
  if (secret.size() < kShortest) return;
  hidden_.push_back(std::move(secret));
  std::sort(hidden_.begin(), hidden_.end(), [](const auto& a, const auto& b) { return a.size() > b.size(); });
}

std::string Secrets::scrub(std::string text) const {
  for (const std::string& secret : hidden_) {
    for (std::size_t at = 0; (at = text.find(secret, at)) != std::string::npos; at += kMask.size()) {
      text.replace(at, secret.size(), kMask);
    }
  }
  return text;
}

std::string redact_command_line(std::string_view line, std::size_t most) {
  std::string out;
  bool next_is_secret = false;
  for (std::size_t at = 0; at < line.size() && out.size() <= most;) {
    const auto end = std::min(line.find_first_of(" \t\n", at), line.size());
    const auto word = line.substr(at, end - at);
    at = end + 1;
    if (word.empty()) continue;  // uWSGI pads its titles with blanks
    if (!out.empty()) out += ' ';
    out += redact_word(word, next_is_secret);
  }
  return printable(out, most);
}

std::string redact_url(std::string_view url) {
  auto parsed = Url::parse(std::string(url));
  if (!parsed) return std::string(kMask);
  parsed->hide_credentials(std::string(kMask));
  return printable(parsed->text(), 512);
}

std::string printable(std::string_view text, std::size_t most) {
  std::string out;
  while (!text.empty()) {
    const std::size_t size = character(text);
    if (out.size() + std::max<std::size_t>(size, 1) > most) return out += "…";
    const auto first = static_cast<unsigned char>(text[0]);
    if (size == 0) out += '?';
    else if (first < 0x20 || first == 0x7f) out += ' ';
    else out += text.substr(0, size);
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return out;
}

}  // namespace sampan

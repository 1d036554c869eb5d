#include "agent/guard/redact.hpp"

#include <fmt/format.h>

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

template <typename Escape>
std::string escaped(const std::string& text, Escape escape) {
  std::string out;
  for (const char c : text) escape(c, out);
  return out;
}

std::string json_escape(const std::string& text) {
  return escaped(text, [](char c, std::string& out) {
    constexpr std::string_view kShort = "\"\\\b\f\n\r\t", kLetters = "\"\\bfnrt";
    if (const auto at = kShort.find(c); at != std::string_view::npos) (out += '\\') += kLetters[at];
    else if (static_cast<unsigned char>(c) < 0x20) out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    else out += c;
  });
}

std::string url_escape(const std::string& text) {
  return escaped(text, [](char c, std::string& out) {
    if (std::isalnum(static_cast<unsigned char>(c)) || std::string_view("-._~").find(c) != std::string_view::npos) out += c;
    else out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  });
}

std::string xml_escape(const std::string& text) {
  return escaped(text, [](char c, std::string& out) {
    constexpr std::string_view kMarks = "&<>\"'";
    constexpr std::string_view kNames[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
    if (const auto at = kMarks.find(c); at != std::string_view::npos) out += kNames[at];
    else out += c;
  });
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
  for (const auto escape : {json_escape, url_escape, xml_escape}) {
    if (std::string other = escape(secret); other != secret) hidden_.push_back(std::move(other));
  }
  hidden_.push_back(std::move(secret));
  std::sort(hidden_.begin(), hidden_.end(), [](const auto& a, const auto& b) { return a.size() > b.size(); });
  hidden_.erase(std::unique(hidden_.begin(), hidden_.end()), hidden_.end());
}

std::string Secrets::scrub(std::string text) const {
  for (const std::string& secret : hidden_) {
    for (std::size_t at = 0; (at = text.find(secret, at)) != std::string::npos; at += kMask.size()) {
      text.replace(at, secret.size(), kMask);
    }
  }
  return text;
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

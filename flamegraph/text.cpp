#include "flamegraph/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <vector>

namespace sampan {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

// Bytes that pass as they are; all others are looked at one by one.
constexpr std::array<bool, 256> plain_but(std::string_view special) {
  std::array<bool, 256> plain{};
  for (std::size_t c = 0x20; c < 0x7f; ++c) plain[c] = true;
  for (char c : special) plain[static_cast<unsigned char>(c)] = false;
  return plain;
}
constexpr auto kPlain = plain_but("");
constexpr auto kPlainFolded = plain_but(";");
constexpr auto kPlainXml = plain_but("&<>\"'");
constexpr auto kPlainJson = plain_but("\"\\");

struct Rune {
  char32_t value = 0;
  std::size_t size = 1;
  bool ok = false;
};

Rune decode(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return {};
  char32_t value = lead & (0x7fu >> size);
  for (std::size_t i = 1; i < size; ++i) {
    const auto next = static_cast<unsigned char>(text[i]);
    if ((next & 0xc0) != 0x80) return {};
    value = (value << 6) | (next & 0x3f);
  }
  constexpr char32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  if (value < kLeast[size] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) return {};
  return {value, size, true};
}

// Characters that reorder or break the text around them.
bool misleads(char32_t c) {
  return (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x200e || c == 0x200f || c == 0x61c ||
         c == 0x2028 || c == 0x2029;
}

std::size_t append_wide(std::string& out, std::string_view text) {
  const Rune rune = decode(text);
  const bool unfit = !rune.ok || rune.value < 0xa0 || (rune.value & 0xfffe) == 0xfffe;
  if (unfit) {
    out += kReplacement;
  } else if (misleads(rune.value)) {
    fmt::format_to(std::back_inserter(out), "[U+{:04X}]", static_cast<std::uint32_t>(rune.value));
  } else {
    out += text.substr(0, rune.size);
  }
  return rune.ok ? rune.size : 1;
}

void append_control(std::string& out, char c) {  // the control pictures: U+2400 and up
  out += "\xe2\x90";
  out += static_cast<char>(c == 0x7f ? 0xa1 : 0x80 + c);
}

template <typename Special>
void walk(std::string& out, std::string_view text, const std::array<bool, 256>& plain, Special special) {
  while (!text.empty()) {
    std::size_t run = 0;
    while (run < text.size() && plain[static_cast<unsigned char>(text[run])]) ++run;
    out += text.substr(0, run);
    text.remove_prefix(run);
    if (text.empty()) return;
    const auto c = static_cast<unsigned char>(text[0]);
    std::size_t used = 1;
    if (c >= 0x80) used = append_wide(out, text);
    else if (c < 0x20 || c == 0x7f) append_control(out, text[0]);
    else special(text[0]);
    text.remove_prefix(used);
  }
}

const char* xml_entity(char c) {
  switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return "&quot;";
    default: return "&#39;";
  }
}

}  // namespace

void append_clean(std::string& out, std::string_view text) {
  walk(out, text, kPlain, [](char) {});
}

void append_folded(std::string& out, std::string_view text) {
  walk(out, text, kPlainFolded, [&](char) { out += ':'; });
}

void append_xml(std::string& out, std::string_view text) {
  walk(out, text, kPlainXml, [&](char c) { out += xml_entity(c); });
}

void append_json(std::string& out, std::string_view text) {
  out += '"';
  walk(out, text, kPlainJson, [&](char c) { (out += '\\') += c; });
  out += '"';
}

std::string clean(std::string_view text) {
  std::string out;
  append_clean(out, text);
  return out;
}

bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return kPlainXml[static_cast<unsigned char>(c)]; });
}

std::string shorten(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return std::string(text);
  std::size_t cut = limit > 3 ? limit - 3 : 0;
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xc0) == 0x80) --cut;
  return std::string(text.substr(0, cut)) + "\xe2\x80\xa6";
}

char* put_fixed(char* at, double number, int decimals) {
  constexpr std::uint64_t kScale[] = {1, 10, 100};
  const std::uint64_t scale = kScale[decimals];
  const auto scaled = static_cast<std::uint64_t>(std::max(0.0, std::min(number, 1e15)) * static_cast<double>(scale) + 0.5);
  at = std::to_chars(at, at + 20, scaled / scale).ptr;
  if (decimals == 0) return at;
  *at++ = '.';
  if (decimals == 2) *at++ = static_cast<char>('0' + scaled / 10 % 10);
  *at++ = static_cast<char>('0' + scaled % 10);
  return at;
}

void append_fixed(std::string& out, double number, int decimals) {
  char digits[32];
  out.append(digits, put_fixed(digits, number, decimals));
}

void append_grouped(std::string& out, std::uint64_t number) {
  char digits[20];
  const auto size = static_cast<std::size_t>(std::to_chars(digits, digits + sizeof digits, number).ptr - digits);
  std::size_t first = (size - 1) % 3 + 1;
  out.append(digits, first);
  for (; first < size; first += 3) (out += ',').append(digits + first, 3);
}

std::string grouped(std::uint64_t number) {
  std::string out;
  append_grouped(out, number);
  return out;
}

}  // namespace sampan

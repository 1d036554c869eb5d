#include "agent/delivery/templates.hpp"

namespace sampan {

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kUnreserved = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  std::string out;
  for (const char c : text) {
    if (kUnreserved.find(c) != std::string_view::npos) out += c;
    else out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

Result<std::string> expand(std::string_view text, const Words& words, Escape escape) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if ((c == '{' || c == '}') && i + 1 < text.size() && text[i + 1] == c) {
      out += c;
      ++i;
      continue;
    }
    if (c != '{') {
      out += c;
      continue;
    }
    const auto end = text.find('}', i);
    const auto word = text.substr(i + 1, end == std::string_view::npos ? end : end - i - 1);
    const auto known = words.find(word);
    if (end == std::string_view::npos || known == words.end()) {
      std::string all;
      for (const auto& [name, value] : words) all += (all.empty() ? "{" : ", {") + name + "}";
      return fail(Exit::BadParams, "`{{{}}}` is no template word: there are {}", word.substr(0, 40), all);
    }
    out += escape == Escape::Url ? percent_encode(known->second) : known->second;
    i = end;
  }
  return out;
}

}  // namespace sampan

#include "agent/contract/container_ids.hpp"

#include <algorithm>
#include <cctype>

namespace sampan {
namespace {

constexpr std::size_t kLeast = 12, kMost = 64;

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

}  // namespace

std::string normal_container_id(std::string_view text) {
  if (const auto scheme = text.find("://"); scheme != std::string_view::npos) text.remove_prefix(scheme + 3);
  std::string id;
  for (char c : text) id += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return id.size() >= kLeast && id.size() <= kMost && std::all_of(id.begin(), id.end(), is_hex) ? id : std::string();
}

std::string normal_pod_uid(std::string_view text) {
  std::string uid;
  for (char c : text) uid += c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return uid;
}

}  // namespace sampan

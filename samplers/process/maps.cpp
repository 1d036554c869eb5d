#include "samplers/process/maps.hpp"

#include <sys/sysmacros.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace sampan {
namespace {

constexpr std::size_t kMostMappings = 262'144;

bool take_number(std::string_view& text, std::uint64_t& value, int base, char after) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  const auto used = static_cast<std::size_t>(end - text.data());
  if (error != std::errc{} || used >= text.size() || *end != after) return false;
  text.remove_prefix(used + 1);
  return true;
}

std::optional<Mapping> parse_line(std::string_view line) {
  Mapping m;
  std::uint64_t major = 0, minor = 0;
  if (!take_number(line, m.start, 16, '-') || !take_number(line, m.end, 16, ' ') || line.size() < 5) return {};
  m.readable = line[0] == 'r';
  m.writable = line[1] == 'w';
  m.executable = line[2] == 'x';
  line.remove_prefix(5);
  if (!take_number(line, m.offset, 16, ' ') || !take_number(line, major, 16, ':') || !take_number(line, minor, 16, ' ')) return {};
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), m.file.inode);
  if (error != std::errc{}) return {};
  m.file.device = makedev(static_cast<unsigned>(major), static_cast<unsigned>(minor));
  line.remove_prefix(static_cast<std::size_t>(end - line.data()));
  if (const auto path = line.find_first_not_of(' '); path != std::string_view::npos) line.remove_prefix(path);
  else line = {};
  constexpr std::string_view kDeleted = " (deleted)";
  m.deleted = line.ends_with(kDeleted);
  if (m.deleted) line.remove_suffix(kDeleted.size());
  m.path = line;
  return m;
}

}  // namespace

std::vector<Mapping> parse_maps(std::string_view text) {
  std::vector<Mapping> maps;
  while (!text.empty() && maps.size() < kMostMappings) {
    const auto end = text.find('\n');
    if (auto mapping = parse_line(text.substr(0, end))) maps.push_back(std::move(*mapping));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return maps;
}

std::vector<Mapping> read_maps(pid_t pid) {
  const auto text = read_file("/proc/" + std::to_string(pid) + "/maps", std::size_t{64} << 20);
  return text ? parse_maps(*text) : std::vector<Mapping>{};
}

const Mapping* find_mapping(std::span<const Mapping> maps, std::uint64_t address) {
  auto after = std::upper_bound(maps.begin(), maps.end(), address,
                                [](std::uint64_t a, const Mapping& m) { return a < m.start; });
  if (after == maps.begin()) return nullptr;
  const Mapping& mapping = *std::prev(after);
  return mapping.contains(address) ? &mapping : nullptr;
}

}  // namespace sampan

#include "samplers/symbols/perf_map.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

namespace sampan {
namespace {

constexpr std::size_t kMostLine = 4096;
constexpr std::uint64_t kMostBytes = std::uint64_t{256} << 20;   // half a second of reading

bool take_hex(std::string_view& text, std::uint64_t& value) {
  if (text.starts_with("0x")) text.remove_prefix(2);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  const auto used = static_cast<std::size_t>(end - text.data());
  if (error != std::errc{} || used >= text.size() || *end != ' ') return false;
  text.remove_prefix(used + 1);
  return true;
}

}  // namespace

PerfMapReader::PerfMapReader(std::vector<std::uint64_t> addresses) : addresses_(std::move(addresses)) {
  std::sort(addresses_.begin(), addresses_.end());
}

void PerfMapReader::line(std::string_view text) {
  std::uint64_t start = 0, size = 0;
  if (!take_hex(text, start) || !take_hex(text, size) || text.empty()) return;
  const auto first = std::lower_bound(addresses_.begin(), addresses_.end(), start);
  for (auto at = first; at != addresses_.end() && *at - start < size && budget_ > 0; ++at, --budget_) names_[*at] = text;
}

void PerfMapReader::feed(std::string_view piece) {
  while (!piece.empty()) {
    const auto end = piece.find('\n');
    const auto part = piece.substr(0, end);
    if (end == std::string_view::npos) {
      if (rest_.size() + part.size() <= kMostLine) rest_ += part;
      else overlong_ = true;
      return;
    }
    if (rest_.empty() && !overlong_ && part.size() <= kMostLine) {
      line(part);
    } else if (!overlong_ && rest_.size() + part.size() <= kMostLine) {
      line(rest_ += part);
    }
    rest_.clear();
    overlong_ = false;
    piece.remove_prefix(end + 1);
  }
}

const std::map<std::uint64_t, std::string>& PerfMapReader::finish() {
  if (!overlong_) line(rest_);
  rest_.clear();
  return names_;
}

std::map<std::uint64_t, std::string> read_perf_map(int fd, std::vector<std::uint64_t> addresses) {
  PerfMapReader reader(std::move(addresses));
  std::vector<char> block(256 * 1024);
  std::uint64_t done = 0;
  while (done < kMostBytes) {
    const ssize_t got = pread(fd, block.data(), block.size(), static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    reader.feed({block.data(), static_cast<std::size_t>(got)});
    done += static_cast<std::uint64_t>(got);
  }
  return reader.finish();
}

}  // namespace sampan

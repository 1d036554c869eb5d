#include "agent/modes/redraw.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "agent/delivery/http.hpp"
#include "agent/guard/redact.hpp"
#include "flamegraph/diff.hpp"
#include "flamegraph/formats/folded.hpp"
#include "samplers/base/log.hpp"
#include "samplers/base/unique_fd.hpp"

namespace sampan {
namespace {

constexpr std::size_t kMostLine = 64 << 20;

bool is_url(const std::string& input) { return input.starts_with("http://") || input.starts_with("https://"); }

Result<void> read_input_file(const std::string& path, FoldedFeed& feed) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail(Exit::BadParams, "inputs: {} cannot be read: {}", path, std::strerror(errno));
  std::string block(1 << 20, '\0');
  while (true) {
    const ssize_t got = ::read(fd.get(), block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(Exit::BadParams, "inputs: {} cannot be read: {}", path, std::strerror(errno));
    if (got == 0) return {};
    if (!feed.feed({block.data(), static_cast<std::size_t>(got)})) return fail(Exit::BadParams, "inputs: {} is no folded text", path);
  }
}

// Adds one input to the profile; says how it went.
Result<void> read_input(const std::string& input, Profile& profile) {
  FoldedFeed feed(profile);
  const std::string name = is_url(input) ? redact_url(input) : input;
  auto read = is_url(input) ? fetch(input, [&](std::string_view piece) { return feed.feed(piece); }) : read_input_file(input, feed);
  if (!read) return read;
  feed.flush();
  if (feed.lines() > 0 && feed.bad() == feed.lines()) return fail(Exit::BadParams, "inputs: {} is no folded text", name);
  if (feed.bad() > 0) {
    log_warning("{}: {} of {} lines have no count (the first is line {})", name, feed.bad(), feed.lines(), feed.first_bad_line());
    profile.description.notes.push_back(fmt::format("{} of {} lines of {} had no count.", feed.bad(), feed.lines(), name));
  }
  return {};
}

}  // namespace

Result<Profile> read_inputs(const std::vector<std::string>& inputs, bool compare) {
  if (compare) {
    Profile before, after;
    if (auto read = read_input(inputs.at(0), before); !read) return tl::unexpected(read.error());
    if (auto read = read_input(inputs.at(1), after); !read) return tl::unexpected(read.error());
    return diff(before, after);
  }
  Profile profile;
  for (const std::string& input : inputs) {
    if (auto read = read_input(input, profile); !read) return tl::unexpected(read.error());
  }
  return profile;
}

bool FoldedFeed::feed(std::string_view piece) {
  const auto end = piece.rfind('\n');
  if (end == std::string_view::npos) {
    rest_ += piece;
    return rest_.size() <= kMostLine;
  }
  rest_ += piece.substr(0, end + 1);
  take(rest_);
  rest_ = piece.substr(end + 1);
  return true;
}

void FoldedFeed::flush() {
  take(rest_);
  rest_.clear();
}

void FoldedFeed::take(std::string_view text) {
  const FoldedRead read = add_folded(profile_, text);
  if (bad_ == 0 && read.bad > 0) first_bad_ = lines_ + read.first_bad_line;
  lines_ += read.lines;
  bad_ += read.bad;
}

}  // namespace sampan

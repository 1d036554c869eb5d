#include "agent/modes/redraw.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "agent/contract/clock.hpp"
#include "agent/delivery/http.hpp"
#include "agent/guard/redact.hpp"
#include "flamegraph/diff.hpp"
#include "flamegraph/formats/recorded.hpp"
#include "flamegraph/merge.hpp"
#include "flamegraph/svg/read.hpp"
#include "samplers/base/log.hpp"
#include "samplers/base/unique_fd.hpp"

namespace sampan {
namespace {

bool is_url(const std::string& input) { return input.starts_with("http://") || input.starts_with("https://"); }

Result<void> read_input_file(const std::string& path, RecordedStacks& stacks) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail(Exit::BadParams, "inputs: {} cannot be read: {}", path, std::strerror(errno));
  std::string block(1 << 20, '\0');
  while (true) {
    const ssize_t got = ::read(fd.get(), block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(Exit::BadParams, "inputs: {} cannot be read: {}", path, std::strerror(errno));
    if (got == 0 || !stacks.feed({block.data(), static_cast<std::size_t>(got)})) return {};
  }
}

// Adds one input to the profile; says how it went.
Result<void> read_input(const std::string& input, Profile& profile) {
  RecordedStacks stacks(profile, {looks_like_svg, read_svg});
  const std::string name = is_url(input) ? redact_url(input) : input;
  auto read = is_url(input) ? fetch(input, [&](std::string_view piece) { return stacks.feed(piece); }) : read_input_file(input, stacks);
  if (!stacks.error().empty() || (read && !stacks.finish())) return fail(Exit::BadParams, "inputs: {} {}", name, stacks.error());
  if (!read) return read;
  const FoldedRead& folded = stacks.folded();
  if (folded.bad > 0) {
    log_warning("{}: {} of {} lines have no count (the first is line {})", name, folded.bad, folded.lines, folded.first_bad_line);
    profile.description.notes.push_back(fmt::format("{} of {} lines of {} had no count.", folded.bad, folded.lines, name));
  }
  return {};
}

// What lies in the window; all where none is asked for.
Result<Profile> cut(Profile profile, const WindowOptions& window) {
  if (!window.any()) return profile;
  if (!profile.moments.any()) return fail(Exit::BadParams, "from and to: the inputs do not say when anything was sampled; pictures of mode \"profile\" do");
  const std::uint64_t start = profile.moments.start_ns();
  const std::uint64_t end = std::max(profile.moments.end_ns(), profile.description.duration_ns);
  const std::uint64_t from = window.from ? window.from->since(start) : 0, to = std::min(window.to ? window.to->since(start) : end, end);
  if (to <= from) return fail(Exit::BadParams, "from and to: nothing lies between them; the profile lasts {:.3f} s from {}", static_cast<double>(end) / 1e9, iso_time(start));
  return window_of(profile, from, to);
}

}  // namespace

Result<Profile> read_inputs(const std::vector<std::string>& inputs, bool compare, const WindowOptions& window) {
  if (compare) {
    Profile before, after;
    if (auto read = read_input(inputs.at(0), before); !read) return tl::unexpected(read.error());
    if (auto read = read_input(inputs.at(1), after); !read) return tl::unexpected(read.error());
    if (before.description.differential || after.description.differential) return fail(Exit::BadParams, "inputs: one of the two is a diff already");
    auto first = cut(std::move(before), window), second = cut(std::move(after), window);
    if (!first || !second) return tl::unexpected(first ? second.error() : first.error());
    return diff(*first, *second);
  }
  Profile profile;
  for (const std::string& input : inputs) {
    if (auto read = read_input(input, profile); !read) return tl::unexpected(read.error());
  }
  return cut(std::move(profile), window);
}

}  // namespace sampan

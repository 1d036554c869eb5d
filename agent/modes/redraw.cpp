#include "agent/modes/redraw.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>

#include "agent/contract/clock.hpp"
#include "agent/delivery/http.hpp"
#include "agent/delivery/objects.hpp"
#include "agent/guard/redact.hpp"
#include "flamegraph/diff.hpp"
#include "flamegraph/formats/recorded.hpp"
#include "flamegraph/merge.hpp"
#include "flamegraph/svg/read.hpp"
#include "flamegraph/verdict.hpp"
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
Result<void> read_input(const std::string& input, Profile& profile, Progress& progress) {
  RecordedStacks stacks(profile, {looks_like_svg, read_svg});
  const std::string name = is_url(input) ? redact_url(input) : input;
  const auto feed = [&](std::string_view piece) { return stacks.feed(piece); };
  auto read = is_object(input) ? fetch_object(input, feed, progress) : is_url(input) ? fetch(input, feed) : read_input_file(input, stacks);
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

Result<Profile> read_inputs(const std::vector<std::string>& inputs, const WindowOptions& window, Progress& progress) {
  Profile profile;
  std::size_t count = 0;
  for (const std::string& input : inputs) {
    auto each = is_object(input) ? list_objects(input, progress) : Result<std::vector<std::string>>(std::vector{input});
    if (!each) return tl::unexpected(each.error());
    for (const std::string& one : *each) {
      if (auto read = read_input(one, profile, progress); !read) return tl::unexpected(read.error());
    }
    count += each->size();
  }
  if (count > inputs.size()) profile.description.notes.push_back(fmt::format("{} objects were read.", count));
  return cut(std::move(profile), window);
}

namespace {

// Each input a profile of its own: how they differ among themselves tells what chance does.
Result<std::vector<Profile>> read_side(std::span<const std::string> inputs, const WindowOptions& window, Progress& progress) {
  std::vector<Profile> side;
  for (const std::string& input : inputs) {
    auto read = read_inputs({input}, window, progress);
    if (!read) return tl::unexpected(read.error());
    if (read->description.differential) return fail(Exit::BadParams, "inputs: {} is a diff already", is_url(input) ? redact_url(input) : input);
    side.push_back(std::move(*read));
  }
  return side;
}

Profile merged(std::span<const Profile> side) {
  Profile all;
  for (const Profile& profile : side) merge(all, profile);
  return all;
}

}  // namespace

Result<Comparison> compare_inputs(const std::vector<std::string>& inputs, const CompareOptions& options, const WindowOptions& window, Progress& progress) {
  const bool named = !options.baseline.empty();
  const std::span<const std::string> all(inputs);
  auto before = read_side(named ? std::span<const std::string>(options.baseline) : all.first(1), window, progress);
  if (!before) return tl::unexpected(before.error());
  auto after = read_side(named ? all : all.last(1), window, progress);
  if (!after) return tl::unexpected(after.error());
  Comparison compared{diff(merged(*before), merged(*after)), judge(*before, *after)};
  if (!compared.verdict.changes.empty()) compared.difference.description.changed = changed_labels(compared.verdict);
  return compared;
}

}  // namespace sampan

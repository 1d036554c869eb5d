#include "agent/modes/redraw.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "agent/contract/clock.hpp"
#include "agent/delivery/delivery.hpp"
#include "agent/delivery/files.hpp"
#include "agent/delivery/http.hpp"
#include "agent/guard/redact.hpp"
#include "agent/result/draw.hpp"
#include "flamegraph/diff.hpp"
#include "flamegraph/formats/folded.hpp"

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

Result<Profile> read_profile(const Params& params) {
  if (params.mode == Mode::Diff) {
    Profile before, after;
    if (auto read = read_input(params.inputs[0], before); !read) return tl::unexpected(read.error());
    if (auto read = read_input(params.inputs[1], after); !read) return tl::unexpected(read.error());
    return diff(before, after);
  }
  Profile profile;
  for (const std::string& input : params.inputs) {
    if (auto read = read_input(input, profile); !read) return tl::unexpected(read.error());
  }
  return profile;
}

}  // namespace

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

RunResult redraw(const Params& params, Progress& progress) {
  const std::uint64_t started = wall_ns();
  progress.stage("read", fmt::format("reading {} inputs", params.inputs.size()));
  if (auto checked = check_uploads(params, progress); !checked) return failed(checked.error());
  if (auto probed = probe_directory(params.output_dir); !probed && params.uploads.empty()) return failed(probed.error());
  auto profile = read_profile(params);
  if (!profile) return failed(profile.error());

  progress.stage("render", fmt::format("drawing {} samples", profile->total()));
  Description& d = profile->description;
  d.title = !params.title.empty() ? params.title : params.target.any() ? params.target.label() : mode_name(params.mode);
  if (!params.subtitle.empty()) d.subtitle = params.subtitle;
  else d.subtitle = fmt::format("{} of {} input{}", mode_name(params.mode), params.inputs.size(), params.inputs.size() == 1 ? "" : "s");
  RunResult outcome = draw(*profile, params, {}, started);
  deliver(params, outcome, started, progress);
  return outcome;
}

}  // namespace sampan

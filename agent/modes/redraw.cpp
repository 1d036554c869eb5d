#include "agent/modes/redraw.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>

#include "agent/contract/clock.hpp"
#include "agent/delivery/http.hpp"
#include "agent/guard/redact.hpp"
#include "flamegraph/diff.hpp"
#include "flamegraph/formats/folded.hpp"
#include "flamegraph/merge.hpp"
#include "flamegraph/svg/read.hpp"
#include "samplers/base/log.hpp"
#include "samplers/base/unique_fd.hpp"

namespace sampan {
namespace {

constexpr std::size_t kMostLine = 64 << 20;

bool is_url(const std::string& input) { return input.starts_with("http://") || input.starts_with("https://"); }

using Take = std::function<bool(std::string_view)>;

Result<void> read_file(const std::string& path, const Take& take) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail(Exit::BadParams, "inputs: {} cannot be read: {}", path, std::strerror(errno));
  std::string block(1 << 20, '\0');
  while (true) {
    const ssize_t got = ::read(fd.get(), block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(Exit::BadParams, "inputs: {} cannot be read: {}", path, std::strerror(errno));
    if (got == 0) return {};
    if (!take({block.data(), static_cast<std::size_t>(got)})) return fail(Exit::BadParams, "inputs: {} is neither folded text nor a picture", path);
  }
}

// Text is taken as it comes, a picture when it is whole. The first bytes tell.
struct Input {
  explicit Input(Profile& into) : profile(into), folded(into) {}
  bool take(std::string_view piece) {
    if (!known && (head += piece).size() >= kHead) tell();
    else if (known) return pass(piece);
    return true;
  }
  bool pass(std::string_view piece) {
    if (!is_picture) return folded.feed(piece);
    picture += piece;
    return picture.size() <= kMostPicture;
  }
  void tell() {
    known = true;
    is_picture = looks_like_svg(head);
    pass(head);
  }

  static constexpr std::size_t kHead = 8, kMostPicture = 512 << 20;
  Profile& profile;
  FoldedFeed folded;
  std::string head, picture;
  bool known = false, is_picture = false;
};

Result<void> add_picture(const std::string& name, std::string_view text, Profile& profile) {
  Profile one;
  if (const std::string wrong = read_svg(text, one); !wrong.empty()) return fail(Exit::BadParams, "inputs: {} is a picture, but {}", name, wrong);
  if (profile.nodes().size() > 1 && profile.description.unit != one.description.unit) {
    return fail(Exit::BadParams, "inputs: {} counts {}, those before it {}", name, one.description.unit, profile.description.unit);
  }
  merge(profile, one);
  return {};
}

// Adds one input to the profile; says how it went.
Result<void> read_input(const std::string& input, Profile& profile) {
  Input reading(profile);
  const std::string name = is_url(input) ? redact_url(input) : input;
  const Take take = [&](std::string_view piece) { return reading.take(piece); };
  auto read = is_url(input) ? fetch(input, take) : read_file(input, take);
  if (!read) return read;
  if (!reading.known) reading.tell();
  if (reading.is_picture) return add_picture(name, reading.picture, profile);
  profile.moments.end();   // what has no time leaves none to the whole
  FoldedFeed& feed = reading.folded;
  feed.flush();
  if (feed.lines() > 0 && feed.bad() == feed.lines()) return fail(Exit::BadParams, "inputs: {} is neither folded text nor a picture", name);
  if (feed.bad() > 0) {
    log_warning("{}: {} of {} lines have no count (the first is line {})", name, feed.bad(), feed.lines(), feed.first_bad_line());
    profile.description.notes.push_back(fmt::format("{} of {} lines of {} had no count.", feed.bad(), feed.lines(), name));
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

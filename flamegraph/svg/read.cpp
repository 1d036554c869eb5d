#include "flamegraph/svg/read.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <vector>

#include "flamegraph/label.hpp"
#include "flamegraph/palette.hpp"
#include "flamegraph/svg/time_data.hpp"

namespace sampan {
namespace {

constexpr std::string_view kProfile = "<profile xmlns=\"urn:sampan:profile\" version=\"1\"";
constexpr std::uint64_t kMostWeight = std::uint64_t{1} << 53;

struct Entity {
  std::string_view code;
  char is;
};
constexpr Entity kEntities[] = {{"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&quot;", '"'}, {"&#39;", '\''}};

std::string unescape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto* entity = text.front() != '&' ? std::end(kEntities)
                                             : std::find_if(std::begin(kEntities), std::end(kEntities), [&](const Entity& e) { return text.starts_with(e.code); });
    const bool known = entity != std::end(kEntities);
    out += known ? entity->is : text.front();
    text.remove_prefix(known ? entity->code.size() : 1);
  }
  return out;
}

// The bytes of a base64 text, as numbers.
class Numbers {
 public:
  explicit Numbers(std::string_view text) {
    std::array<int, 256> values;
    values.fill(-1);
    for (int i = 0; i < 64; ++i) values[static_cast<unsigned char>("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[i])] = i;
    bytes_.reserve(text.size() / 4 * 3);
    std::uint32_t bits = 0;
    int held = 0;
    for (const char c : text) {
      const int value = values[static_cast<unsigned char>(c)];
      if (value < 0) break;
      bits = bits << 6 | static_cast<std::uint32_t>(value);
      if ((held += 6) < 8) continue;
      bytes_.push_back(static_cast<std::uint8_t>(bits >> (held -= 8)));
    }
  }
  // 0 from the end on, and `good` is false then.
  std::uint64_t next() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; at_ < bytes_.size() && shift < 64; shift += 7) {
      const std::uint8_t byte = bytes_[at_++];
      value |= std::uint64_t{byte & 127u} << shift;
      if (byte < 128) return value;
    }
    good = false;
    return 0;
  }
  std::size_t left() const { return bytes_.size() - at_; }
  bool good = true;

 private:
  std::vector<std::uint8_t> bytes_;
  std::size_t at_ = 0;
};

// One element's text and attributes; elements of a data layer never nest in one of the same name.
struct Element {
  std::string_view head, text;

  // One after the other: a value may look like an attribute.
  std::string_view raw(std::string_view name) const {
    for (std::string_view rest = head; ; ) {
      const auto equals = rest.find("=\"");
      if (equals == std::string_view::npos) return {};
      const auto start = equals + 2, end = rest.find('"', start);
      if (end == std::string_view::npos) return {};
      const std::string_view key = rest.substr(0, equals);
      if (key.substr(key.find_last_of(" \n") + 1) == name) return rest.substr(start, end - start);
      rest.remove_prefix(end + 1);
    }
  }
  double number(std::string_view name) const {
    double value = 0;
    const std::string_view text_of = raw(name);
    std::from_chars(text_of.data(), text_of.data() + text_of.size(), value);
    return value >= 0 && value < 1e15 ? value : 0;
  }
};

std::optional<Element> find(std::string_view text, std::string_view name) {
  const std::string open = '<' + std::string(name), close = "</" + std::string(name) + '>';
  const auto from = text.find(open);
  if (from == std::string_view::npos) return {};
  const auto start = text.find('>', from), end = text.find(close, from);
  if (start == std::string_view::npos || end == std::string_view::npos || start > end) return {};
  return Element{text.substr(from + open.size(), start - from - open.size()), text.substr(start + 1, end - start - 1)};
}

template <typename Take>
void each_line(std::string_view text, Take take) {
  while (true) {
    const auto end = text.find('\n');
    take(text.substr(0, end));
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

FrameId frame_of(Profile& profile, char code, std::string_view label) {
  const auto* row = std::find_if(kHues.begin(), kHues.end(), [&](const Hue& h) { return h.code == code; });
  const FrameKind kind = row == kHues.end() ? FrameKind::Note : row->kind;
  Frame frame = parse_label(label);
  if (is_group(kind) != is_group(frame.kind)) frame = {kind, label, {}};
  frame.kind = kind;
  return profile.intern(frame);
}

std::vector<FrameId> read_names(Profile& profile, std::string_view text) {
  std::vector<FrameId> frames;
  each_line(text, [&](std::string_view line) {
    frames.push_back(frames.empty() || line.empty() ? Profile::kNoFrame : frame_of(profile, line[0], unescape(line.substr(1))));
  });
  return frames;
}

void read_endings(Profile& profile, std::string_view text, const std::vector<FrameId>& frames) {
  each_line(text, [&](std::string_view line) {
    std::size_t name = 0;
    const auto after = std::from_chars(line.data(), line.data() + line.size(), name).ptr;
    line.remove_prefix(static_cast<std::size_t>(after - line.data()));
    while (name > 0 && name < frames.size() && !line.empty()) {
      const auto end = std::min(line.find(','), line.size());
      profile.note_ending(frames[name], line.substr(std::min(line.find_first_not_of(' '), end), end - std::min(line.find_first_not_of(' '), end)));
      line.remove_prefix(std::min(end + 1, line.size()));
    }
  });
}

// The node of each frame in its pre-order; empty where the tree is none.
std::vector<NodeId> read_tree(Profile& profile, std::string_view text, const std::vector<FrameId>& frames, std::size_t count) {
  Numbers numbers(text);
  std::vector<NodeId> nodes, path;   // path: the root first
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t head = numbers.next(), name = numbers.next();
    if (!numbers.good || name >= frames.size() || (i > 0 && (head >> 1) >= path.size())) return {};
    if (i > 0) path.resize(path.size() - (head >> 1));
    const NodeId node = i == 0 ? Profile::kRoot : profile.child(path.back(), frames[name]);
    path.push_back(node);
    nodes.push_back(node);
    if ((head & 1) == 0) continue;
    const std::uint64_t self = numbers.next();
    if (self > kMostWeight || (total += self) > kMostWeight) return {};
    profile.node(node).self += self;
  }
  return numbers.good ? nodes : std::vector<NodeId>();
}

bool read_lane(Numbers& numbers, Moments& moments, LaneId lane, const std::vector<NodeId>& stacks, bool weighed) {
  const std::uint64_t tick_ns = moments.tick_ns();   // it may grow meanwhile
  std::vector<std::uint32_t> recent;
  std::uint64_t at = 0;
  for (std::uint64_t left = numbers.next(); left > 0; --left) {
    const std::uint64_t token = numbers.next(), place = token >> 1;
    if (!numbers.good || place > recent.size()) return false;
    const std::uint64_t rank = place == 0 ? numbers.next() : recent[place - 1];
    if (rank >= stacks.size()) return false;
    if (place != 0) recent.erase(recent.begin() + static_cast<std::ptrdiff_t>(place) - 1);
    recent.insert(recent.begin(), static_cast<std::uint32_t>(rank));
    if (recent.size() > kRecentStacks) recent.pop_back();
    at += (token & 1) != 0 ? numbers.next() : 1;
    const std::uint64_t weight = weighed ? numbers.next() : 1;
    if (!numbers.good || at > UINT32_MAX || weight > UINT32_MAX) return false;
    moments.put(lane, at * tick_ns, stacks[rank], static_cast<std::uint32_t>(weight));
  }
  return numbers.good;
}

double decimal(std::string_view text) {
  double value = -1;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value >= 0 && value < 1e9 ? value : -1;
}

void read_timeline(Profile& profile, std::string_view marks, std::string_view gauges) {
  each_line(marks, [&](std::string_view line) {
    const auto tab = line.find('\t');
    const double at = decimal(line.substr(0, tab));
    if (tab != std::string_view::npos && at >= 0) profile.timeline.mark(static_cast<std::uint64_t>(at * 1e9), unescape(line.substr(tab + 1)));
  });
  each_line(gauges, [&](std::string_view line) {
    const auto tab = line.find('\t');
    if (tab == std::string_view::npos) return;
    const std::string name = unescape(line.substr(0, tab));
    std::string_view rest = line.substr(tab + 1);
    const auto columns = static_cast<std::uint64_t>(std::count(rest.begin(), rest.end(), ' ') + 1);
    if (columns > Timeline::kMostPoints) return;
    for (std::uint64_t c = 0; c < columns; ++c) {
      const auto blank = std::min(rest.find(' '), rest.size());
      if (const double value = decimal(rest.substr(0, blank)); value >= 0) {
        profile.timeline.put(name, profile.description.duration_ns * (c + 1) / columns, value);
      }
      rest.remove_prefix(std::min(blank + 1, rest.size()));
    }
  });
}

bool read_time(Profile& profile, const Element& time, std::string_view threads, const std::vector<NodeId>& nodes) {
  Moments& moments = profile.moments;
  const double tick = time.number("tick");
  if (tick < 1 || tick > 1e12) return false;
  moments.begin(0, static_cast<std::uint64_t>(time.number("start")) * 1'000'000, static_cast<std::uint64_t>(tick) * 1000);
  profile.description.rate = time.number("rate");
  profile.description.started_ns = moments.start_ns();
  profile.description.duration_ns = static_cast<std::uint64_t>(time.number("length") * 1e6);
  Numbers numbers(time.text);
  std::vector<NodeId> stacks;
  for (std::uint64_t left = numbers.next(); left > 0; --left) {
    const std::uint64_t box = numbers.next();
    if (!numbers.good || box >= nodes.size()) return false;
    stacks.push_back(nodes[box]);
  }
  bool good = true;
  const bool weighed = time.raw("weighed") == "1";
  each_line(threads, [&](std::string_view line) {
    if (!good || (numbers.left() == 0)) return;
    const auto tab = std::min(line.find('\t'), line.size());
    const auto frame = [&](std::string_view label, char code) { return label.empty() ? Profile::kNoFrame : frame_of(profile, code, unescape(label)); };
    const LaneId lane = moments.lane(frame(line.substr(0, tab), 'p'), frame(line.substr(std::min(tab + 1, line.size())), 't'));
    good = read_lane(numbers, moments, lane, stacks, weighed);
  });
  return good;
}

}  // namespace

bool looks_like_svg(std::string_view head) { return head.starts_with("<?xml ") || head.starts_with("<svg "); }

std::string read_svg(std::string_view text, Profile& profile) {
  const auto from = text.find(kProfile);
  if (from == std::string_view::npos) return "it holds no profile of this program's";
  text.remove_prefix(from);
  const auto whole = find(text, "profile");
  const auto names = find(text, "names"), tree = find(text, "tree");
  if (!whole || !names || !tree) return "its data is not whole";
  if (whole->raw("diff") == "1") return "it compares two profiles: give those";
  profile.description.unit = unescape(whole->raw("unit"));
  profile.description.title = unescape(whole->raw("title"));
  profile.description.subtitle = unescape(whole->raw("subtitle"));
  const std::vector<FrameId> frames = read_names(profile, names->text);
  if (const auto endings = find(text, "endings")) read_endings(profile, endings->text, frames);
  const auto count = std::min<std::size_t>(static_cast<std::size_t>(whole->number("frames")), tree->text.size());
  const std::vector<NodeId> nodes = read_tree(profile, tree->text, frames, count);
  if (nodes.empty()) return "its tree is damaged";
  const auto threads = find(text, "threads"), time = find(text, "time");
  if (time && threads && !read_time(profile, *time, threads->text, nodes)) return "its moments are damaged";
  const auto marks = find(text, "marks"), gauges = find(text, "gauges");
  if (profile.moments.any() && marks && gauges) read_timeline(profile, marks->text, gauges->text);
  return {};
}

}  // namespace sampan

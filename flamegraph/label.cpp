#include "flamegraph/label.hpp"

#include <algorithm>
#include <charconv>
#include <numeric>
#include <optional>
#include <unordered_map>

namespace sampan {
namespace {

struct Endings {
  FrameKind kind;
  std::string_view files, annotations;   // separated by blanks
};
constexpr Endings kEndings[] = {
#define KIND(enumerator, code, language, light, dark, files, annotations) {FrameKind::enumerator, files, annotations},
#include "flamegraph/kinds.def"
};

// Whether a list of words holds this one.
bool holds(std::string_view words, std::string_view word) {
  for (auto at = words.find(word); !word.empty() && at != std::string_view::npos; at = words.find(word, at + 1)) {
    const auto end = at + word.size();
    if ((at == 0 || words[at - 1] == ' ') && (end == words.size() || words[end] == ' ')) return true;
  }
  return false;
}

bool is_native(FrameKind kind) { return kind == FrameKind::Native || kind == FrameKind::Kernel; }

void append_number(std::string& out, std::uint64_t number, int base = 10) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, number, base).ptr;
  out.append(digits, end);
}

std::optional<std::uint32_t> number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value == 0 || text[0] == '0') return {};
  return value;
}

// `path/Class.method`, as the JVM's own names look.
bool looks_like_java(std::string_view name) {
  const auto slash = name.find('/');
  if (slash == 0 || slash == std::string_view::npos || name.find_first_of(" ()!:") != std::string_view::npos) return false;
  const auto dot = name.rfind('.');
  return dot != std::string_view::npos && dot > slash && name.find('/', dot) == std::string_view::npos &&
         dot + 1 < name.size() && !name.ends_with(".so") && name.find(".so.") == std::string_view::npos;
}

// Above processes and threads: `web-1 (pod)`.
constexpr std::pair<FrameKind, std::string_view> kPlaces[] = {
    {FrameKind::Host, "node"}, {FrameKind::Namespace, "namespace"}, {FrameKind::Pod, "pod"}, {FrameKind::Container, "container"}};

// `name (inside)`: tells what stands in the parentheses; false where it is part of the name.
bool parse_place(Frame& frame, std::string_view name, std::string_view inside) {
  if (inside.starts_with("pid ") || inside.starts_with("tid ")) {
    const auto id = number(inside.substr(4));
    if (!id) return false;
    frame = {inside[0] == 'p' ? FrameKind::Process : FrameKind::Thread, name, {}, *id, 0};
    return true;
  }
  for (const auto& [kind, word] : kPlaces) {
    if (inside == word) return frame = {kind, name, {}}, true;
  }
  Frame found = frame;
  found.name = name;
  found.file = inside;
  if (const auto colon = inside.rfind(':'); colon != std::string_view::npos && colon > 0) {
    if (const auto line = number(inside.substr(colon + 1))) {
      found.file = inside.substr(0, colon);
      found.line = *line;
    }
  }
  if (const auto dot = found.file.rfind('.'); dot != std::string_view::npos && dot > 0) {
    for (const Endings& row : kEndings) {
      if (holds(row.files, found.file.substr(dot))) found.kind = row.kind;
    }
  }
  if (is_native(found.kind) && (found.line == 0 || found.file.find('.') == std::string_view::npos)) return false;
  frame = found;
  return true;
}

// Takes `_[k]` or the like off a label's end.
bool take_annotation(std::string_view& label, FrameKind& kind) {
  constexpr std::size_t kSize = 4;
  if (label.size() <= kSize || label.back() != ']') return false;
  for (const Endings& row : kEndings) {
    if (!holds(row.annotations, label.substr(label.size() - kSize))) continue;
    label.remove_suffix(kSize);
    kind = row.kind;
    return true;
  }
  return false;
}

}  // namespace

void append_label(std::string& out, const Frame& frame) {
  if (frame.name.empty() && is_native(frame.kind) && !frame.file.empty()) {
    out += frame.file.substr(frame.file.rfind('/') + 1);
    out += "!0x";
    return append_number(out, frame.address, 16);
  }
  out += frame.name;
  if (is_group(frame.kind)) {
    for (const auto& [kind, word] : kPlaces) {
      if (kind == frame.kind) return void(((out += " (") += word) += ')');
    }
    if (frame.line == 0) return;
    out += frame.kind == FrameKind::Process ? " (pid " : " (tid ";
    append_number(out, frame.line);
    out += ')';
    return;
  }
  if (frame.file.empty() || (is_native(frame.kind) && frame.line == 0)) return;
  out += " (";
  out += frame.file;
  if (frame.line != 0) {
    out += ':';
    append_number(out, frame.line);
  }
  out += ')';
}

std::string frame_label(const Frame& frame) {
  std::string out;
  append_label(out, frame);
  return out;
}

Frame parse_label(std::string_view label) {
  Frame frame;
  const bool annotated = take_annotation(label, frame.kind);
  frame.name = label;
  if (label.ends_with(')')) {
    const auto open = label.rfind(" (");
    if (open != std::string_view::npos && open > 0 &&
        parse_place(frame, label.substr(0, open), label.substr(open + 2, label.size() - open - 3))) return frame;
  }
  if (annotated) return frame;
  if (label.size() > 2 && label.front() == '[' && label.back() == ']' && label.find('.') == std::string_view::npos) {
    frame.kind = FrameKind::Note;
  } else if (looks_like_java(label)) {
    frame.kind = FrameKind::Java;
  }
  return frame;
}

std::string_view function_of(std::string_view label, std::string& scratch) {
  if (!label.ends_with(')')) return label;
  const auto colon = label.rfind(':');
  if (colon == std::string_view::npos || colon + 2 >= label.size()) return label;
  const auto line = label.substr(colon + 1, label.size() - colon - 2);
  if (line.find_first_not_of("0123456789") != std::string_view::npos) return label;
  scratch.assign(label.substr(0, colon));
  scratch += ')';
  return scratch;
}

bool may_differ(const Description& description, std::string_view label) {
  if (!description.changed) return true;
  std::string scratch;
  return std::binary_search(description.changed->begin(), description.changed->end(), function_of(label, scratch), std::less<>());
}

Labels::Labels(const Profile& profile, By by) {
  const std::size_t count = profile.frame_count();
  std::vector<std::size_t> ends(count);
  std::vector<bool> used(count);   // what was replaced, or cut away, needs no label
  for (const Node& node : profile.nodes()) used[node.frame] = true;
  std::size_t size = 0;
  for (FrameId id = 1; id < count; ++id) {
    if (used[id]) size += profile.frame(id).name.size() + profile.frame(id).file.size() + 24;
  }
  text_.reserve(size);
  for (FrameId id = 1; id < count; ++id) {
    ends[id] = text_.size();
    if (!used[id]) continue;
    append_label(text_, profile.frame(id));
    if (by == By::Text && profile.frame(id).kind == FrameKind::Kernel) text_ += "_[k]";
    ends[id] = text_.size();
  }
  of_frame.resize(count);
  all.reserve(count + 2);
  all.push_back({"all", FrameKind::Note});
  all.push_back({"[lighter frames]", FrameKind::Note});
  struct Hash {
    std::size_t operator()(const Label& l) const {
      return std::hash<std::string_view>{}(l.text) ^ (static_cast<std::size_t>(l.kind) << 56);
    }
  };
  struct Equal {
    bool operator()(const Label& a, const Label& b) const { return a.kind == b.kind && a.text == b.text; }
  };
  std::unordered_map<Label, std::uint32_t, Hash, Equal> seen(count);
  for (FrameId id = 1; id < count; ++id) {
    if (!used[id]) continue;
    const std::string_view text = std::string_view(text_).substr(ends[id - 1], ends[id] - ends[id - 1]);
    const Label label{text, by == By::Text ? FrameKind::Native : profile.frame(id).kind};
    const auto [found, fresh] = seen.try_emplace(label, static_cast<std::uint32_t>(all.size()));
    if (fresh) all.push_back({text, profile.frame(id).kind});
    else merged = true;
    of_frame[id] = found->second;
  }
  sort();
  take_endings(profile);
}

void Labels::take_endings(const Profile& profile) {
  std::map<std::uint32_t, std::vector<std::string>> by_label;
  for (const auto& [id, of_one] : profile.endings()) {
    auto& all_of = by_label[of_frame[id]];
    all_of.insert(all_of.end(), of_one.begin(), of_one.end());
  }
  for (auto& [label, each] : by_label) {
    if (label == kRoot) continue;   // of a frame that no stack has
    std::sort(each.begin(), each.end());
    each.erase(std::unique(each.begin(), each.end()), each.end());
    for (const std::string& ending : each) (endings[label] += endings[label].empty() ? "" : ", ") += ending;
  }
}

void Labels::sort() {
  std::vector<std::uint32_t> order(all.size());
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin() + 1, order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return all[a].text != all[b].text ? all[a].text < all[b].text : all[a].kind < all[b].kind;
  });
  rank.resize(all.size());
  for (std::uint32_t at = 0; at < order.size(); ++at) rank[order[at]] = at;
}

}  // namespace sampan

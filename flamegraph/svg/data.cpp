#include "flamegraph/svg/data.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "flamegraph/palette.hpp"
#include "flamegraph/svg/base64.hpp"
#include "flamegraph/svg/time_data.hpp"
#include "flamegraph/text.hpp"

namespace sampan {
namespace {

constexpr std::size_t kLongestName = 2000;  // bytes of a label that a picture shows

// Labels that are used, the most frequent first: the shorter their numbers.
std::vector<std::uint32_t> by_frequency(const Labels& labels, const Layout& layout) {
  std::vector<std::uint32_t> uses(labels.all.size()), order;
  for (const Box& box : layout.boxes) ++uses[box.label];
  for (std::uint32_t label = 1; label < uses.size(); ++label) {
    if (uses[label] != 0) order.push_back(label);
  }
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return uses[a] != uses[b] ? uses[a] > uses[b] : labels.rank[a] < labels.rank[b];
  });
  order.insert(order.begin(), Labels::kRoot);
  return order;
}

void append_names(std::string& out, const Labels& labels, const std::vector<std::uint32_t>& order) {
  out += "<names>aall";
  for (std::size_t at = 1; at < order.size(); ++at) {
    const auto& [text, kind] = labels.all[order[at]];
    out += '\n';
    out += hue(kind).code;
    if (text.size() <= kLongestName) append_xml(out, text);
    else append_xml(out, shorten(text, kLongestName));
  }
  out += "</names>\n";
}

// `number ending, ending` a line: what compilers appended to the symbols that a name stands for.
void append_endings(std::string& out, const Labels& labels, const std::vector<std::uint32_t>& name_of) {
  if (labels.endings.empty()) return;
  out += "<endings>";
  for (const auto& [label, text] : labels.endings) {
    if (name_of[label] != 0) fmt::format_to(std::back_inserter(out), "{} {}\n", name_of[label], text);
  }
  out += "</endings>\n";
}

// A number a line: the names whose functions differ by more than chance.
void append_changed(std::string& out, const Description& d, const Labels& labels, const std::vector<std::uint32_t>& order) {
  out += "<changed>";
  for (std::size_t at = 1; at < order.size(); ++at) {
    if (may_differ(d, labels.all[order[at]].text)) fmt::format_to(std::back_inserter(out), "{}\n", at);
  }
  out += "</changed>\n";
}

void append_tree(std::string& out, const Layout& layout, const std::vector<std::uint32_t>& name_of, bool differential) {
  out += "<tree>";
  Base64 tree(out);
  std::uint32_t before = 0;  // depth of the frame before, plus one
  for (const Box& box : layout.boxes) {
    const bool weighs = box.self != 0 || box.base_self != 0;
    tree.number(std::uint64_t{before - box.depth} * 2 + weighs);
    tree.number(name_of[box.label]);
    if (weighs) tree.number(box.self);
    if (weighs && differential) tree.number(box.base_self);
    before = box.depth + 1;
  }
  tree.finish();
  out += "</tree>\n";
}

void attribute(std::string& out, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  ((out += ' ') += name) += "=\"";
  append_xml(out, value);
  out += '"';
}

void append_lines(std::string& out, const std::vector<std::string>& lines) {
  for (const std::string& line : lines) {
    if (&line != &lines[0]) out += '\n';
    append_xml(out, line);
  }
}

}  // namespace

void append_data(std::string& out, const Profile& profile, const Labels& labels, const Layout& layout,
                 const std::vector<std::uint32_t>& box_of, const Summary& summary, const Picture& picture) {
  const Description& d = profile.description;
  out += "<metadata><profile xmlns=\"urn:sampan:profile\" version=\"1\"";
  attribute(out, "title", d.title);
  attribute(out, "subtitle", d.subtitle);
  attribute(out, "facts", facts_sentence(summary, d));
  attribute(out, "unit", d.unit);
  attribute(out, "frames", std::to_string(layout.boxes.size()));
  attribute(out, "left-out", std::to_string(layout.left_out));
  attribute(out, "diff", d.differential ? "1" : "");
  attribute(out, "inverted", picture.inverted ? "1" : "");
  attribute(out, "reverse", picture.reverse ? "1" : "");
  out += ">\n<kinds>";
  for (const Hue& h : kHues) fmt::format_to(std::back_inserter(out), "{}{}{}", &h == &kHues[0] ? "" : "\n", h.code, h.language);
  out += "</kinds>\n<alerts>";
  append_lines(out, d.alerts);
  out += "</alerts>\n<notes>";
  append_lines(out, d.notes);
  out += "</notes>\n";
  const auto order = by_frequency(labels, layout);
  std::vector<std::uint32_t> name_of(labels.all.size());
  for (std::uint32_t at = 0; at < order.size(); ++at) name_of[order[at]] = at;
  append_names(out, labels, order);
  append_endings(out, labels, name_of);
  if (d.changed) append_changed(out, d, labels, order);
  append_tree(out, layout, name_of, d.differential);
  if (!d.differential) append_time(out, profile, box_of);
  out += "</profile></metadata>\n";
}

}  // namespace sampan

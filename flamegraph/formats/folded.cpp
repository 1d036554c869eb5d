#include "flamegraph/formats/folded.hpp"

#include <algorithm>
#include <vector>

#include "flamegraph/formats.hpp"
#include "flamegraph/label.hpp"
#include "flamegraph/layout.hpp"
#include "flamegraph/text.hpp"

namespace sampan {
namespace {

// A line's beginning: no space, which readers take off, and no `# `, which is a comment to them.
void append_first(std::string& line, std::string_view label) {
  label.remove_prefix(std::min(label.find_first_not_of(' '), label.size()));
  if (label.starts_with("# ")) label.remove_prefix(1), line += "#_";
  append_folded(line, label);
}

struct Writer {
  const Profile& profile;
  const Labels labels{profile, Labels::By::Text};
  std::string out;
  std::string line;                // the open boxes' names, joined
  std::vector<std::size_t> ends;   // where each ends in it

  void box(const Box& box) {
    ends.resize(box.depth);
    line.resize(ends.empty() ? 0 : ends.back());
    if (box.depth == 1) append_first(line, labels.all[box.label].text);
    else if (box.depth > 1) append_folded(line += ';', labels.all[box.label].text);
    ends.push_back(line.size());
    if (box.self == 0 && box.base_self == 0) return;
    out += line.empty() ? "[unnamed]" : line;
    if (profile.description.differential) (out += ' ') += std::to_string(box.base_self);
    (out += ' ') += std::to_string(box.self);
    out += '\n';
  }
};

}  // namespace

std::string to_folded(const Profile& profile) {
  Writer writer{profile, Labels(profile, Labels::By::Text), {}, {}, {}};
  for (const Box& box : lay_out(profile, writer.labels, false, 0).boxes) writer.box(box);
  return std::move(writer.out);
}

std::string write_folded(const Profile& profile, const Picture&) { return to_folded(profile); }

}  // namespace sampan

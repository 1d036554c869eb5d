#include "flamegraph/folded.hpp"

#include <vector>

#include "flamegraph/label.hpp"
#include "flamegraph/layout.hpp"
#include "flamegraph/text.hpp"

namespace sampan {
namespace {

struct Writer {
  const Profile& profile;
  const Labels labels{profile, Labels::By::Text};
  std::string out;
  std::string line;                // the open boxes' names, joined
  std::vector<std::size_t> ends;   // where each ends in it

  void box(const Box& box) {
    ends.resize(box.depth);
    line.resize(ends.empty() ? 0 : ends.back());
    if (box.label != 0) {
      if (box.depth > 1) line += ';';
      append_folded(line, labels.all[box.label].text);
    }
    ends.push_back(line.size());
    if (box.self == 0 && box.base_self == 0) return;
    out += line;
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

}  // namespace sampan

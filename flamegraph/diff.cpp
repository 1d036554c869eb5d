#include "flamegraph/diff.hpp"

#include <fmt/format.h>

#include "flamegraph/summary.hpp"

namespace sampan {
namespace {

// Adds one profile's stacks to the other's tree; frames are the same where they are equal.
void add(Profile& out, const Profile& from, double scale, bool baseline) {
  std::vector<FrameId> frame_of(from.frame_count());
  for (FrameId id = 1; id < from.frame_count(); ++id) frame_of[id] = out.intern(from.frame(id));
  const auto nodes = from.nodes();
  std::vector<NodeId> moved(nodes.size(), Profile::kRoot);
  // Rounding the running sum, not each weight, keeps the scaled total exact.
  double exact = 0;
  std::uint64_t given = 0;
  for (NodeId id = 0; id < nodes.size(); ++id) {
    if (id != Profile::kRoot) moved[id] = out.child(moved[nodes[id].parent], frame_of[nodes[id].frame]);
    std::uint64_t weight = nodes[id].self;
    if (baseline && scale != 1) {
      exact += static_cast<double>(weight) * scale;
      weight = static_cast<std::uint64_t>(exact + 0.5) - given;
      given += weight;
    }
    Node& node = out.node(moved[id]);
    (baseline ? node.baseline : node.self) += weight;
  }
}

}  // namespace

Profile diff(const Profile& before, const Profile& after) {
  Profile out;
  out.description = after.description;
  out.description.differential = true;
  const std::uint64_t b = before.total(), a = after.total();
  const double scale = a == 0 || b == 0 ? 1 : static_cast<double>(a) / static_cast<double>(b);
  add(out, before, scale, true);
  add(out, after, 1, false);
  std::string note = fmt::format("Compared: {} before, {} after", amount(b, before.description.unit), amount(a, after.description.unit));
  if (before.description.unit != after.description.unit) note += " (the units differ: only shares compare)";
  if (scale != 1) note += fmt::format("; before is scaled by {:.4g} so that both totals are equal", scale);
  out.description.notes.insert(out.description.notes.begin(), note + ".");
  return out;
}

}  // namespace sampan

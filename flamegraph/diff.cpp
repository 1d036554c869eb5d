#include "flamegraph/diff.hpp"

#include <fmt/format.h>

#include "flamegraph/merge.hpp"
#include "flamegraph/summary.hpp"

namespace sampan {
Profile diff(const Profile& before, const Profile& after) {
  Profile out;
  out.description = after.description;
  out.description.differential = true;
  const std::uint64_t b = before.total(), a = after.total();
  const double scale = a == 0 || b == 0 ? 1 : static_cast<double>(a) / static_cast<double>(b);
  add_stacks(out, before, scale, true);
  add_stacks(out, after);
  std::string note = fmt::format("Compared: {} before, {} after", amount(b, before.description.unit), amount(a, after.description.unit));
  if (before.description.unit != after.description.unit) note += " (the units differ: only shares compare)";
  if (scale != 1) note += fmt::format("; before is scaled by {:.4g} so that both totals are equal", scale);
  out.description.notes.insert(out.description.notes.begin(), note + ".");
  return out;
}

}  // namespace sampan

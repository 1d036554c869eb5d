#include "agent/result/comparison.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "agent/contract/counted.hpp"

namespace sampan {
namespace {

constexpr std::size_t kNamed = 3;   // in a sentence

double points(const FunctionChange& c) { return 100 * (c.self_after - c.self_before); }
// A function that was not there before is slower than any limit; what it takes now still has to be told from chance.
double ratio(const FunctionChange& c) { return c.total_before > 0 ? c.total_after / c.total_before : 1e9; }

std::string words(const FunctionChange& c) {
  if (!c.self_changed) return fmt::format("{} {:.1f} to {:.1f} % with what it calls", c.name, 100 * c.total_before, 100 * c.total_after);
  return fmt::format("{} {:.1f} to {:.1f} % of its own ({:+.1f} points, {:+.1f} to {:+.1f})", c.name, 100 * c.self_before, 100 * c.self_after, points(c), 100 * c.low, 100 * c.high);
}

}  // namespace

std::string verdict_sentence(const DiffVerdict& verdict) {
  if (verdict.changed == 0) return fmt::format("none of {} changed by more than chance", counted(verdict.changes.size(), "function", "functions"));
  std::string sentence = fmt::format("{} of {} changed by more than chance: ", verdict.changed, counted(verdict.changes.size(), "function", "functions"));
  for (std::size_t i = 0; i < std::min(verdict.changed, kNamed); ++i) sentence += (i ? ", " : "") + words(verdict.changes[i]);
  return sentence + (verdict.changed > kNamed ? " and others" : "");
}

std::string slower_sentence(const DiffVerdict& verdict, const CompareOptions& limits) {
  const FunctionChange* worst = nullptr;
  for (const FunctionChange& c : verdict.changes) {
    if (limits.self_percent_points > 0 && c.self_changed && points(c) > limits.self_percent_points && (!worst || points(c) > points(*worst))) worst = &c;
  }
  if (worst) return fmt::format("slower than fail_above allows: {} grew by {:.1f} percentage points of its own, {:g} are allowed", worst->name, points(*worst), limits.self_percent_points);
  for (const FunctionChange& c : verdict.changes) {
    if (limits.total_ratio > 0 && c.total_changed && ratio(c) > limits.total_ratio && (!worst || ratio(c) > ratio(*worst))) worst = &c;
  }
  if (!worst) return {};
  if (worst->total_before == 0) return fmt::format("slower than fail_above allows: {} was not there before and takes {:.1f} % now, with what it calls", worst->name, 100 * worst->total_after);
  return fmt::format("slower than fail_above allows: {} takes {:.2f} times its share with what it calls, {:g} is allowed", worst->name, ratio(*worst), limits.total_ratio);
}

}  // namespace sampan

#include "agent/contract/selection.hpp"

#include <fnmatch.h>

#include <algorithm>

namespace sampan {
namespace {

bool matches(const std::string& glob, std::string_view name) {
  return glob.empty() || ::fnmatch(glob.c_str(), std::string(name).c_str(), 0) == 0;
}

bool names_match(const SelectionRule& rule, const ContainerNames& names) {
  return matches(rule.pod_namespace, names.pod_namespace) && matches(rule.pod, names.pod) && matches(rule.container, names.container);
}

}  // namespace

std::optional<unsigned> Selection::rate_of(const ContainerNames& names, std::string_view runtime) const {
  const auto excludes = [&](const SelectionRule& rule) { return names_match(rule, names) && (rule.runtime.empty() || rule.runtime == runtime); };
  if (std::any_of(exclude.begin(), exclude.end(), excludes)) return {};
  if (include.empty()) return 0;
  const auto includes = [&](const SelectionRule& rule) {
    return names_match(rule, names) && (rule.runtime.empty() || runtime.empty() || rule.runtime == runtime);
  };
  const auto rule = std::find_if(include.begin(), include.end(), includes);
  if (rule == include.end()) return {};
  return rule->rate;
}

}  // namespace sampan

// Stacks as a service has them: shared prefixes, a long tail. The same ones in every run.
#pragma once

#include <random>
#include <string>
#include <vector>

#include "flamegraph/profile.hpp"

namespace sampan::bench {

// `count` distinct stacks of about `depth` frames over some thousand functions.
inline std::vector<std::vector<FrameId>> make_stacks(Profile& profile, std::size_t count, std::size_t depth) {
  std::vector<FrameId> functions;
  for (std::uint32_t i = 0; i < 4000; ++i) {
    functions.push_back(profile.intern({FrameKind::Python, "function_" + std::to_string(i), "app/module.py", i % 900}));
  }
  std::minstd_rand random(1);
  std::vector<std::vector<FrameId>> stacks(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t shared = i == 0 ? 0 : random() % depth;   // with the one before
    if (i > 0) stacks[i].assign(stacks[i - 1].begin(), stacks[i - 1].begin() + static_cast<std::ptrdiff_t>(shared));
    while (stacks[i].size() < depth) stacks[i].push_back(functions[random() % functions.size()]);
  }
  return stacks;
}

inline void fill(Profile& profile, std::size_t count, std::size_t depth) {
  std::uint64_t weight = 1;
  for (const auto& stack : make_stacks(profile, count, depth)) profile.add(stack, weight++ % 7 + 1);
}

}  // namespace sampan::bench

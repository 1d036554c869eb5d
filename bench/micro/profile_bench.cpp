// The ground floor: a stack into the tree, the tree to folded text and back, to the picture.
#include <benchmark/benchmark.h>

#include "bench/micro/stacks.hpp"
#include "flamegraph/formats/folded.hpp"
#include "flamegraph/svg/svg.hpp"

namespace sampan::bench {
namespace {

constexpr std::size_t kDepth = 30;

std::size_t size(const benchmark::State& state) { return static_cast<std::size_t>(state.range(0)); }

// A sample of a stack that was seen before.
void insert(benchmark::State& state) {
  Profile profile;
  const auto stacks = make_stacks(profile, size(state), kDepth);
  for (const auto& stack : stacks) profile.add(stack, 1);
  std::size_t next = 0;
  for (auto _ : state) {
    profile.add(stacks[next], 1);
    if (++next == stacks.size()) next = 0;
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(insert)->RangeMultiplier(10)->Range(100, 1'000'000);

void insert_depth(benchmark::State& state) {
  Profile profile;
  const auto stacks = make_stacks(profile, 100, size(state));
  std::size_t next = 0;
  for (auto _ : state) profile.add(stacks[next++ % stacks.size()], 1);
}
BENCHMARK(insert_depth)->Arg(10)->Arg(100)->Arg(1000)->Arg(5000);

void fold(benchmark::State& state) {
  Profile profile;
  fill(profile, size(state), kDepth);
  for (auto _ : state) benchmark::DoNotOptimize(to_folded(profile));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(fold)->RangeMultiplier(10)->Range(100, 100'000)->Unit(benchmark::kMillisecond);

void unfold(benchmark::State& state) {
  Profile source;
  fill(source, size(state), kDepth);
  const std::string text = to_folded(source);
  for (auto _ : state) {
    Profile profile;
    benchmark::DoNotOptimize(add_folded(profile, text));
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(text.size()) * state.iterations());
}
BENCHMARK(unfold)->RangeMultiplier(10)->Range(100, 100'000)->Unit(benchmark::kMillisecond);

void render(benchmark::State& state) {
  Profile profile;
  fill(profile, size(state), kDepth);
  for (auto _ : state) benchmark::DoNotOptimize(render_svg(profile));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(render)->RangeMultiplier(10)->Range(100, 1'000'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace sampan::bench

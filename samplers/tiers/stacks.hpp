// What every tier does alike: which threads a tick looks at, whose root a stack gets, how a walk is counted.
#pragma once

#include <algorithm>
#include <chrono>
#include <span>
#include <vector>

#include "samplers/sampler.hpp"
#include "samplers/tiers/slumber.hpp"
#include "samplers/tiers/tick_budget.hpp"

namespace sampan {

// Whether a sample is taken of a target whose rate is lower than the run's: by chance, so that no rhythm meets another.
bool due(const Target& target);

// Clears `stack`, begins it with the frames above the target, its Process and the thread's Thread frame, where asked for, and walks. Where
// the user asks for holders of the interpreter's lock, others have no frames.
Walked walk_stack(Context& context, const Target& target, Thread& thread, const ThreadSnapshot& snapshot, std::vector<FrameId>& stack);

// Adds a sample of a stack to the tree, at a moment (CLOCK_MONOTONIC) and with a weight: the node that it ends in. Of a
// wait, the moment is its begin and the weight its length.
NodeId add_sample(Context& context, const Target& target, Thread& thread, std::span<const FrameId> stack, std::uint64_t at_ns, std::uint64_t weight);
// The same for a stack that is in the tree already.
void add_again(Context& context, const Target& target, Thread& thread, NodeId node, std::uint64_t at_ns, std::uint64_t weight);

// What a target's threads noted of nodes and lanes holds no more, see Sampler::renumber().
void forget_places(Target& target);

// Counts what a walk came to; true where there is a stack to add, which the caller then counts as taken. `ran`: the thread was
// on a processor; where it then has no frames of its interpreter, one native frame stands for it.
bool count_walk(Context& context, const Target& target, const Thread& thread, Walked walked, bool ran, Quality& quality, std::vector<FrameId>& stack);

// What a tier keeps of a process between two ticks.
struct Turns {
  TickBudget budget;
  Slumber slumber;
};

// Visits each thread that the user asked for, each counted as wanted, as far as the target's budget goes; `alone`: no other
// target waits. Their list is read anew where it is due or where their number changed, if anything of the process ran; false
// where the process is gone. `visit(thread, weight)` is told how many ticks it stands for, and says whether the thread may have
// run since the last visit.
template <typename Visit>
bool each_thread(const Options& options, Target& target, Turns& turns, bool alone, bool refresh, Quality& quality, Visit visit) {
  const auto begun = TickBudget::Clock::now();
  Slumber& slumber = turns.slumber;
  auto& threads = target.threads;
  if (!due(target)) return !refresh || !slumber.ran_since() || threads.refresh();
  if (turns.budget.rests(begun)) return ++quality.late, true;
  const bool by_chance = options.exclude_idle && options.event == Event::Cpu;   // all else is told of a thread that sleeps, too
  const auto now = static_cast<std::uint64_t>(begun.time_since_epoch() / std::chrono::nanoseconds(1));
  const unsigned weight = by_chance ? slumber.look(now, options.rate) : 1;
  if (weight == 0) {
    quality.wanted += threads.all().size();
    quality.idle += threads.all().size();
    return true;
  }
  const bool fresh = refresh && slumber.ran_since();
  if (fresh) target.walker->refresh();
  if ((fresh || (slumber.ran() && threads.count_changed())) && !threads.refresh()) return false;
  bool ran = !options.multi_threads;   // of the others nothing is known
  const std::size_t left = turns.budget.take(threads.all(), begun, alone, [&](Thread& thread) {
    if (!options.multi_threads && thread.tid() != target.process->id.pid) return;
    ++quality.wanted;
    ran |= visit(thread, weight);
  });
  quality.late += left;
  slumber.looked(now, ran || left > 0);
  return true;
}

// Counts a sample as taken; of one that stands for several ticks, those that were counted as idle meanwhile.
inline void count_taken(Quality& quality, unsigned weight) {
  quality.taken += weight;
  quality.idle -= std::min<std::uint64_t>(quality.idle, weight - 1);
}

}  // namespace sampan

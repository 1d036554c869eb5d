#include "agent/modes/dump_looks.hpp"

#include <utility>

#include "samplers/runtimes.hpp"

namespace sampan {
namespace {

constexpr unsigned kMostUnheld = 3;   // looks without a holder: there is none
// Chance does not show another number of holders than one so often: there are several locks (subinterpreters), or none
// that keeps threads apart.
constexpr unsigned kMostLooks = 20;

bool marked(const Profile& profile, const std::vector<FrameId>& stack) {
  return stack.size() > 2 && profile.frame(stack[2]).kind == FrameKind::Note && profile.frame(stack[2]).name == kHoldsLock;
}

}  // namespace

std::map<pid_t, DumpLooks::Look> DumpLooks::since_last() {
  std::map<pid_t, Look> looks;
  std::vector<FrameId> stack;
  counted_.resize(profile_.nodes().size());
  for (NodeId id = 1; id < profile_.nodes().size(); ++id) {
    const std::uint64_t weight = profile_.nodes()[id].self;
    if (std::exchange(counted_[id], weight) >= weight) continue;
    profile_.stack(id, stack);
    if (stack.size() < 2) continue;
    Look& look = looks[static_cast<pid_t>(profile_.frame(stack[0]).line)];
    look.holders += look.stacks.try_emplace(static_cast<pid_t>(profile_.frame(stack[1]).line), id).second && marked(profile_, stack);
  }
  return looks;
}

bool DumpLooks::take(const std::vector<ProcessReport>& reports, bool whole) {
  auto looks = since_last();
  bool done = true;
  for (const ProcessReport& report : reports) {
    if (report.tier.empty()) continue;
    Shown& shown = shown_[report.id.pid];
    const Runtime* runtime = find_runtime(report.runtime);
    if (!shown.done) take(shown, std::move(looks[report.id.pid]), runtime && runtime->lock, whole);
    done &= shown.done;
  }
  return done;
}

void DumpLooks::take(Shown& shown, Look look, bool lock, bool whole) const {
  shown.in_pieces |= !whole;
  if (shown.in_pieces) {
    shown.look.stacks.merge(look.stacks);   // what was seen first stays
    shown.done = whole;
    return;
  }
  shown.look = std::move(look);
  ++shown.looks;
  shown.unheld += shown.look.holders == 0;
  shown.done = !lock || shown.look.holders == 1 || shown.unheld == kMostUnheld || shown.looks == kMostLooks;
}

void DumpLooks::keep_shown() {
  std::vector<bool> kept(profile_.nodes().size());
  for (const auto& [pid, shown] : shown_) {
    for (const auto& [tid, node] : shown.look.stacks) kept[node] = true;
  }
  for (NodeId id = 1; id < kept.size(); ++id) profile_.node(id).self = kept[id] ? 1 : 0;
}

}  // namespace sampan

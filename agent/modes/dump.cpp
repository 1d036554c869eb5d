#include "agent/modes/dump.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "agent/guard/redact.hpp"
#include "agent/modes/doctor.hpp"
#include "agent/run/sampler_set.hpp"
#include "flamegraph/label.hpp"
#include "samplers/runtimes.hpp"

namespace sampan {
namespace {

constexpr std::size_t kMostFrame = 512;

// The threads of a process with their names and states, without stacks yet.
ProcessDump threads_of(const ProcessReport& report) {
  ProcessDump process{report.id.pid, report.name, report.runtime, {}};
  Threads threads(report.id.pid);
  threads.refresh();
  for (auto& [tid, thread] : threads.all()) {
    ThreadDump dump;
    dump.tid = tid;
    dump.name = printable(thread.name(), 64);
    dump.running = thread.runs();
    process.threads.push_back(std::move(dump));
  }
  return process;
}

// The thread that a node's stack belongs to: its frame is the second, below the process's.
std::pair<pid_t, pid_t> owner_of(const Profile& profile, const std::vector<FrameId>& stack) {
  return {static_cast<pid_t>(profile.frame(stack[0]).line), static_cast<pid_t>(profile.frame(stack[1]).line)};
}

template <typename Visit>
void each_stack(const Profile& profile, Visit visit) {
  std::vector<FrameId> stack;
  for (NodeId id = 1; id < profile.nodes().size(); ++id) {
    if (profile.nodes()[id].self == 0) continue;
    profile.stack(id, stack);
    if (stack.size() >= 2) visit(id, stack);
  }
}

ThreadDump* find_thread(std::vector<ProcessDump>& processes, std::pair<pid_t, pid_t> owner) {
  for (ProcessDump& process : processes) {
    if (process.pid != owner.first) continue;
    for (ThreadDump& thread : process.threads) {
      if (thread.tid == owner.second) return &thread;
    }
  }
  return nullptr;
}

void take_stacks(const Profile& profile, std::vector<ProcessDump>& processes) {
  each_stack(profile, [&](NodeId, const std::vector<FrameId>& stack) {
    ThreadDump* thread = find_thread(processes, owner_of(profile, stack));
    if (!thread || !thread->frames.empty()) return;
    if (const auto& name = profile.frame(stack[1]).name; !name.empty()) thread->name = printable(name, 64);
    for (std::size_t i = 2; i < stack.size(); ++i) thread->frames.push_back(printable(frame_label(profile.frame(stack[i])), kMostFrame));
  });
}

// A second look that takes holders only; what it adds is taken off again.
std::set<std::pair<pid_t, pid_t>> lock_holders(SamplingOptions& sampling, SamplerSet& samplers, Profile& profile) {
  std::vector<std::uint64_t> before;
  for (const Node& node : profile.nodes()) before.push_back(node.self);
  sampling.event = Event::Gil;
  samplers.tick();
  std::set<std::pair<pid_t, pid_t>> holders;
  each_stack(profile, [&](NodeId id, const std::vector<FrameId>& stack) {
    const std::uint64_t was = id < before.size() ? before[id] : 0;
    if (profile.node(id).self > was) holders.insert(owner_of(profile, stack));
    profile.node(id).self = was;
  });
  return holders;
}

bool has_lock(const ProcessDump& process) {
  const Runtime* runtime = find_runtime(process.runtime);
  return runtime && runtime->memory && process.runtime != "php";
}

struct Look {
  std::uint64_t stacks = 0;
  std::vector<ProcessReport> reports;
  std::vector<ProcessDump> processes;
};

Result<Look> look(SamplingOptions sampling, const std::vector<Found>& found) {
  Profile profile;
  auto samplers = SamplerSet::open(sampling, profile);
  if (!samplers) return tl::unexpected(samplers.error());
  for (const Found& one : found) (*samplers)->take(one);
  Look result{0, (*samplers)->reports(), {}};
  if ((*samplers)->size() == 0) return tl::unexpected(result.reports.at(0).failure);
  (*samplers)->tick();
  for (const ProcessReport& report : result.reports) {
    if (report.failure.message.empty()) result.processes.push_back(threads_of(report));
  }
  const auto holders = lock_holders(sampling, **samplers, profile);
  (*samplers)->finish();
  profile.settle();
  take_stacks(profile, result.processes);
  for (ProcessDump& process : result.processes) {
    for (ThreadDump& thread : process.threads) thread.lock = has_lock(process) && holders.contains({process.pid, thread.tid});
  }
  result.stacks = profile.total();
  return result;
}

SamplingOptions dump_options(SamplingOptions dump) {
  dump.event = Event::Wall;
  dump.exclude_idle = false;
  dump.by_process = dump.by_thread = true;
  return dump;
}

nlohmann::ordered_json as_json(const std::vector<ProcessDump>& processes) {
  auto list = nlohmann::ordered_json::array();
  for (const ProcessDump& process : processes) {
    auto threads = nlohmann::ordered_json::array();
    for (const ThreadDump& t : process.threads) {
      threads.push_back({{"tid", t.tid}, {"name", t.name}, {"running", t.running}, {"lock", t.lock}, {"frames", t.frames}});
    }
    list.push_back({{"pid", process.pid}, {"name", process.name}, {"runtime", process.runtime}, {"threads", threads}});
  }
  return list;
}

}  // namespace

std::string dump_text(const std::vector<ProcessDump>& processes) {
  std::string text;
  for (const ProcessDump& process : processes) {
    text += fmt::format("Process {} {} ({})\n", process.pid, process.name, process.runtime);
    for (const ThreadDump& thread : process.threads) {
      text += fmt::format("  Thread {} {}: {}{}\n", thread.tid, thread.name, thread.running ? "running" : "idle", thread.lock ? ", holds the lock" : "");
      for (auto frame = thread.frames.rbegin(); frame != thread.frames.rend(); ++frame) text += "    " + *frame + "\n";
      if (thread.frames.empty()) text += "    [no frames]\n";
    }
  }
  return text;
}

RunResult run_dump(const TargetKeys& keys, const SamplingOptions& sampling, Progress& progress) {
  auto discovery = Discovery::open(keys);
  if (!discovery) return failed(discovery.error());
  auto found = discovery->look();
  if (found.empty()) return failed({Exit::NoTarget, discovery->why_none()});
  if (found.size() > sampling.max_processes) found.resize(sampling.max_processes);

  auto seen = look(dump_options(sampling), found);
  if (!seen) return failed(explained(seen.error(), keys));
  const std::string text = progress.secrets().scrub(dump_text(seen->processes));
  std::fputs(text.c_str(), progress.terminal() ? stdout : stderr);
  if (!progress.terminal()) progress.event("dump", {{"processes", as_json(seen->processes)}});
  RunResult outcome;
  outcome.samples = seen->stacks;
  outcome.sentence = fmt::format("{} stacks of {} processes", seen->stacks, seen->processes.size());
  outcome.sampled.processes = std::move(seen->reports);
  return outcome;
}

}  // namespace sampan

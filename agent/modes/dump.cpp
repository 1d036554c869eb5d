#include "agent/modes/dump.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "agent/guard/redact.hpp"
#include "agent/modes/doctor.hpp"
#include "agent/modes/dump_looks.hpp"
#include "agent/run/loop.hpp"
#include "agent/target/discovery.hpp"
#include "flamegraph/label.hpp"
#include "samplers/process/threads.hpp"

namespace sampan {
namespace {

constexpr std::size_t kMostFrame = 512;
constexpr unsigned kTickRate = 1000;   // so that the one tick comes within a millisecond
constexpr unsigned kMostSeconds = 5;   // where a crowd of threads does not fit into one tick

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
    if (stack.size() >= 2) visit(stack);
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
  each_stack(profile, [&](const std::vector<FrameId>& stack) {
    ThreadDump* thread = find_thread(processes, owner_of(profile, stack));
    if (!thread || !thread->frames.empty()) return;
    if (const auto& name = profile.frame(stack[1]).name; !name.empty()) thread->name = printable(name, 64);
    for (std::size_t i = 2; i < stack.size(); ++i) {
      const Frame& frame = profile.frame(stack[i]);
      if (frame.kind == FrameKind::Note && frame.name == kHoldsLock) thread->lock = true;
      else thread->frames.push_back(printable(frame_label(frame), kMostFrame));
    }
  });
}

// What one tick of a run is to see for a dump: every thread, by itself, and who holds the lock.
SamplingOptions dump_options(SamplingOptions options) {
  options.event = Event::Wall;
  options.exclude_idle = false;
  options.by_process = options.by_thread = options.mark_lock = true;
  options.above.clear();
  options.children = false;
  options.seconds = kMostSeconds;
  options.rate = kTickRate;
  return options;
}

// Lists the threads as they are at the first tick, and ends the run as soon as there is a look at each process to be shown.
RunObserver dump_observer(std::vector<ProcessDump>& processes, DumpLooks& looks) {
  RunObserver observer;
  observer.begin = [](std::size_t, const std::string&) {};
  observer.tick = [&, first = true, late = std::uint64_t{0}](const Moment& moment) mutable {
    for (const ProcessReport& report : moment.reports) {
      if (first && report.failure.message.empty()) processes.push_back(threads_of(report));
    }
    first = false;
    return !looks.take(moment.reports, std::exchange(late, moment.quality.late) == moment.quality.late);
  };
  return observer;
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
  Profile profile;
  std::vector<ProcessDump> processes;
  const SamplingOptions options = dump_options(sampling);
  DumpLooks looks(profile);
  auto sampled = sample(options, *discovery, profile, dump_observer(processes, looks));
  if (!sampled) return failed(explained(sampled.error(), keys));
  looks.keep_shown();
  profile.settle();
  take_stacks(profile, processes);

  const std::string text = progress.secrets().scrub(dump_text(processes));
  std::fputs(text.c_str(), progress.terminal() ? stdout : stderr);
  if (!progress.terminal()) progress.event("dump", {{"processes", as_json(processes)}});
  RunResult outcome;
  for (const ProcessDump& process : processes) {
    outcome.samples += static_cast<std::uint64_t>(std::count_if(process.threads.begin(), process.threads.end(), [](const auto& t) { return !t.frames.empty(); }));
  }
  const std::string why = ended_sentence(sampled->ended);
  outcome.partial = sampled->ended != Ended::Time;
  outcome.sentence = fmt::format("{}{} stack{} of {} process{}", why.empty() ? "" : why + ": ", outcome.samples, outcome.samples == 1 ? "" : "s",
                                 processes.size(), processes.size() == 1 ? "" : "es");
  outcome.sampled = std::move(*sampled);
  return outcome;
}

}  // namespace sampan

#include "agent/result/draw.hpp"

#include <algorithm>
#include <cctype>
#include <set>
#include <string_view>
#include <vector>

#include "agent/contract/counted.hpp"
#include "agent/result/parts.hpp"
#include "agent/result/sha256.hpp"
#include "agent/target/node.hpp"
#include "flamegraph/formats.hpp"
#include "flamegraph/split.hpp"

namespace sampan {
namespace {

// A file's name is made of these characters only, whatever the target's is.
std::string file_label(const std::string& label) {
  constexpr std::size_t kMost = 96;
  std::string out;
  for (const char c : label.substr(0, kMost)) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-';
    out += plain && static_cast<unsigned char>(c) < 0x80 ? c : '_';
  }
  return out;
}

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    if (end > 0) words.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

// What people call a program by its command line: `kube-apiserver`, and of an interpreter what it runs, `app.py`.
std::string program_name(std::string_view command_line) {
  const auto words = words_of(command_line);
  if (words.empty()) return {};
  const auto bare = [](std::string_view word) { return std::string(word.substr(word.rfind('/') + 1)); };
  const std::string program = bare(words[0]);
  constexpr std::string_view kInterpreters[] = {"python", "ruby", "php", "node", "java"};
  if (std::none_of(std::begin(kInterpreters), std::end(kInterpreters), [&](std::string_view one) { return program.starts_with(one); })) return program;
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (words[i] == "-cp" || words[i] == "-classpath" || words[i] == "--class-path") ++i;
    else if (!words[i].starts_with('-')) return bare(words[i]);
  }
  return program;
}

const char* event_words(Event event) {
  switch (event) {
    case Event::Cpu: return "running threads";
    case Event::Wall: return "all threads, running or not";
    case Event::OffCpu: return "waiting threads";
    case Event::Gil: return "the holder of the interpreter's lock";
  }
  return "";
}

const char* event_key(Event event) {
  constexpr const char* kNames[] = {"cpu", "wall", "off_cpu", "gil"};
  return kNames[static_cast<std::size_t>(event)];
}

std::size_t pods_without_name(const Sampled& sampled) {
  std::set<std::string> pods;
  for (const ProcessReport& p : sampled.processes) {
    if (!p.container.pod_uid.empty() && p.container.pod_name.empty()) pods.insert(p.container.pod_uid);
  }
  return pods.size();
}

std::string share_of(std::uint64_t part, std::uint64_t whole) {
  return fmt::format("{:.2f} %", 100.0 * static_cast<double>(part) / static_cast<double>(std::max<std::uint64_t>(whole, 1)));
}

// What happened beside the stacks.
void tell_time(std::vector<std::string>& alerts, const Sampled& sampled) {
  if (sampled.recorder) {
    alerts.push_back(sampled.fired.any() ? fmt::format("Recorded since {}, {:.1f} s after its start.", sampled.fired.why, sampled.fired.seconds)
                                        : std::string("What was recorded until the end: nothing fired."));
  }
  const CgroupUse& use = sampled.cgroup;
  if (use.throttled_periods > 0) {
    alerts.push_back(fmt::format("Throttled by its CPU quota{}: {:.2f} s in all, in {} of {} periods ({}).",
                                use.cores > 0 ? fmt::format(" of {:.3g} cores", use.cores) : "", use.throttled_seconds, use.throttled_periods, use.periods,
                                share_of(static_cast<std::uint64_t>(use.throttled_periods), static_cast<std::uint64_t>(use.periods))));
  }
  if (use.oom_kills > 0) alerts.push_back(counted(static_cast<std::uint64_t>(use.oom_kills), "process", "processes") + " of the cgroup killed for want of memory.");
}

}  // namespace

void describe(Profile& profile, const PictureOptions& options, Event event, const Sampled& sampled, std::uint64_t started_ns) {
  Description& d = profile.description;
  d.title = options.title;
  // A process id tells a reader nothing.
  if (options.title == options.label && options.label.starts_with("pid-") && !sampled.processes.empty()) {
    const std::string name = program_name(sampled.processes[0].name);
    if (!name.empty()) d.title = fmt::format("{} ({})", name, options.label);
  }
  if (options.title == "node" && options.label == options.title) d.title = node_name();
  d.subtitle = options.subtitle.empty() ? fmt::format("{}, {} tier", event_words(event), sampled.tier) : options.subtitle;
  if (d.unit.empty()) d.unit = "samples";
  d.labels = labels_of(options, sampled);
  d.event = event_key(event);
  d.rate = sampled.lowered_rate ? sampled.lowered_rate : sampled.rate;
  d.started_ns = started_ns;
  d.duration_ns = static_cast<std::uint64_t>(sampled.seconds * 1e9);
  if (profile.moments.coarser()) {
    d.notes.push_back(fmt::format("More than a million samples: moments are kept to {:.4g} ms, with their counts.", static_cast<double>(profile.moments.tick_ns()) / 1e6));
  }
  if (profile.moments.given_up()) d.notes.push_back("There were too many different samples to keep when each was taken.");
  tell_time(d.alerts, sampled);
  const Quality& q = sampled.quality;
  const auto note = [&](std::string text) { d.notes.push_back(std::move(text)); };
  if (sampled.ended == Ended::Signal) note(fmt::format("Partial: the agent was asked to end after {:.1f} s.", sampled.seconds));
  if (sampled.ended == Ended::TargetsGone) note(fmt::format("Partial: the target ended after {:.1f} s.", sampled.seconds));
  if (const std::string why = ended_sentence(sampled.ended); !why.empty()) note(fmt::format("Partial after {:.1f} s: {}.", sampled.seconds, why));
  note(fmt::format("{} thread samples wanted, {} taken, {} idle, {} failed; {:.1f} Hz achieved of {}.", q.wanted, q.taken, q.idle,
                   q.failed, sampled.achieved_rate, sampled.rate));
  if (q.late) note(counted(q.late, "tick", "ticks") + " came late and were skipped.");
  if (q.suspect) note(fmt::format("{} of the samples changed while they were read ({}).", q.suspect, share_of(q.suspect, q.taken)));
  if (q.truncated) note(fmt::format("{} truncated ({}).", counted(q.truncated, "sample is", "samples are"), share_of(q.truncated, q.taken)));
  if (q.inferred) note(counted(q.inferred, "sample passes", "samples pass") + " through code without unwind information: told from the code itself or by frame pointers.");
  if (q.lost) note(counted(q.lost, "sample was", "samples were") + " lost in the kernel's buffers.");
  if (q.stopped) note(counted(q.stopped, "time", "times") + " a thread was stopped by job control and left alone.");
  if (q.traced) note(counted(q.traced, "time", "times") + " a thread was held by a debugger and left alone.");
  if (q.stops.count()) {
    note(fmt::format("A thread was stopped for {:.0f} µs at most, for {:.0f} µs or less in 99 % of the samples.",
                     static_cast<double>(q.stops.most_ns()) / 1e3, static_cast<double>(q.stops.quantile_ns(0.99)) / 1e3));
  }
  if (q.unresolved) note(counted(q.unresolved, "frame has", "frames have") + " no name.");
  if (sampled.lowered_rate) note(fmt::format("The rate was lowered to {} Hz to keep the agent's own cost down.", sampled.lowered_rate));
  if (sampled.skipped_processes) note(counted(sampled.skipped_processes, "process was", "processes were") + " skipped: max_processes.");
  for (const ProcessReport& p : sampled.processes) {
    if (!p.failure.message.empty() && p.failure.code != Exit::NoTarget && d.notes.size() < 32) note(fmt::format("Process {} ({}) was not sampled: {}.", p.id.pid, p.name, p.failure.message));
  }
  for (const ProcessReport& p : sampled.processes) {
    if (!p.note.empty() && d.notes.size() < 32) note(fmt::format("Process {} ({}): {}.", p.id.pid, p.name, p.note));
  }
  if (const std::size_t nameless = pods_without_name(sampled); nameless > 0 && (options.split_by != SplitBy::None || options.label == "node")) {
    note(counted(nameless, "pod goes", "pods go") + " by UID: pod names come from the kubelet's folder /var/log/pods, and the node's init (process 1) does not show it here.");
  }
  note("How it was seen: " + sampled.tier_sentence + ".");
}

namespace {

void draw_files(const Profile& profile, const PictureOptions& options, const std::string& part, std::uint64_t started_ns, std::vector<Artifact>& files) {
  const std::string label = file_label(options.label) + (part.empty() ? "" : "-" + part);
  for (const Format* format : options.formats) {
    Artifact file;
    file.name = fmt::format("profile-{}-{}.{}", label, started_ns / 1'000'000'000, format->suffix);
    file.format = format->name;
    file.content_type = format->content_type;
    file.bytes = format->write(profile, options.picture);
    file.sha256 = sha256_hex(file.bytes);
    file.part = part;
    if (!part.empty() || !options.labels.empty()) file.labels = profile.description.labels;
    files.push_back(std::move(file));
  }
}

// One at a time, so that no more than one is in memory beside the whole.
void draw_parts(const Profile& profile, FrameKind kind, const PictureOptions& options, const Sampled& sampled, std::uint64_t started_ns, std::vector<Artifact>& files) {
  for (const FrameId id : parts_of(profile, kind)) {
    Profile one = part_of(profile, kind, id, options.split_shown);
    const PartNames names = describe_part(one.description, options, sampled, kind, profile.frame(id));
    draw_files(one, options, file_label(names.readable) + (names.unique.empty() ? "" : "-" + file_label(names.unique)), started_ns, files);
  }
}

}  // namespace

RunResult draw(const Profile& profile, const PictureOptions& options, Sampled sampled, std::uint64_t started_ns) {
  RunResult outcome;
  outcome.samples = profile.total();
  outcome.partial = sampled.ended != Ended::Time;
  outcome.bursts = bursts(profile);
  const std::optional<FrameKind> kind = split_kind(options.split_by);
  if (kind && outcome.samples != 0) draw_parts(profile, *kind, options, sampled, started_ns, outcome.files);
  else draw_files(profile, options, "", started_ns, outcome.files);
  outcome.sampled = std::move(sampled);
  return outcome;
}

}  // namespace sampan

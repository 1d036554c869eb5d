#include "agent/result/diagnosis.hpp"

#include <algorithm>

namespace sampan {
namespace {

constexpr double kFewSeconds = 0.5;   // of processor time: less may be used between two ticks
constexpr double kMost = 0.9, kMuch = 0.5;

double share(std::uint64_t part, std::uint64_t whole) { return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole); }

// The share of the samples whose innermost frame has no name, since a compiler made it at run time.
double nameless(const Profile& profile) {
  std::uint64_t sum = 0;
  for (const Node& node : profile.nodes()) {
    if (node.self > 0 && profile.frame(profile.named(node.frame)).name == "[anonymous code]") sum += node.self;
  }
  return share(sum, profile.total());
}

std::string of_children(const CpuUse& cpu) {
  if (cpu.children < kFewSeconds) return "";
  return fmt::format("; what the targets started used {:.1f} s and is not sampled: name it with procname_prefix, cmdline_regex or pid", cpu.children);
}

Diagnosis of_nothing(const Options& options, const Sampled& sampled) {
  const Quality& q = sampled.quality;
  const double used = sampled.cpu.targets;
  if (q.failed > 0 && q.taken == 0) {
    return {Exit::CannotSample, fmt::format("all {} reads of a stack failed, while the targets used {:.1f} s of processor time", q.failed, used)};
  }
  if (q.traced > 0) return {Exit::Delivered, "a debugger or another tracer holds the threads"};
  if (q.stopped > 0) return {Exit::Delivered, "job control has stopped the threads"};
  if (options.event == Event::Gil) return {Exit::Delivered, "no thread was seen with the interpreter's lock" + of_children(sampled.cpu)};
  if (options.event != Event::Cpu || !options.multi_threads || used < kFewSeconds || used * sampled.rate < 20) {
    return {Exit::Delivered, fmt::format("the targets used {:.1f} s of processor time in {:.1f} s{}", used, sampled.seconds,
                                         options.event == Event::Cpu && of_children(sampled.cpu).empty() ? ": event \"wall\" shows where they wait" : of_children(sampled.cpu))};
  }
  return {Exit::CannotSample, fmt::format("the targets used {:.1f} s of processor time that no sample covers{}", used, of_children(sampled.cpu))};
}

}  // namespace

Diagnosis diagnose(const Profile& profile, const Options& options, const Sampled& sampled) {
  const Quality& q = sampled.quality;
  if (profile.total() == 0) return of_nothing(options, sampled);
  std::string text;
  const auto say = [&](const std::string& sentence) { (text += text.empty() ? "" : "; ") += sentence; };
  if (share(q.failed, q.failed + q.taken) > kMuch) say(fmt::format("{} of {} reads of a stack failed", q.failed, q.failed + q.taken));
  if (q.frameless > 0 && share(q.frameless, q.taken) > kMuch) {
    say(fmt::format("{:.0f} % of the samples are of threads that ran no code of their interpreter{}", 100 * share(q.frameless, q.taken),
                    options.native ? "" : ": \"native\": true shows what they ran"));
  }
  if (share(q.truncated, q.taken) >= kMost) say(fmt::format("{} stack is whole: the code at their ends has no unwind information", q.truncated >= q.taken ? "no" : "hardly a"));
  if (nameless(profile) >= kMost) {
    say("nearly all of it is code that a compiler made at run time and gave no names: node --perf-basic-prof, erl +JPperf true and the like write them down");
  }
  if (sampled.cpu.children >= kFewSeconds && sampled.cpu.children > sampled.cpu.targets) text += text.empty() ? of_children(sampled.cpu).substr(2) : of_children(sampled.cpu);
  return {Exit::Delivered, text};
}

}  // namespace sampan

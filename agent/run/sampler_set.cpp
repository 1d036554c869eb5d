#include "agent/run/sampler_set.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "agent/contract/clock.hpp"
#include "agent/guard/redact.hpp"
#include "agent/run/admission.hpp"
#include "agent/target/places.hpp"
#include "samplers/base/clock.hpp"
#include "samplers/base/log.hpp"
#include "samplers/lookalikes.hpp"
#include "samplers/runtimes.hpp"
#include "samplers/tiers/doubting.hpp"
#include "samplers/tiers/tiers.hpp"

namespace sampan {
namespace {

// In the order of preference.
constexpr std::array<Tier, 3> kTiers = {Tier::Ebpf, Tier::Memory, Tier::Ptrace};
constexpr std::size_t kPtrace = 2;
constexpr std::size_t kMostReports = 4096;

using Opened = Result<std::unique_ptr<Sampler>>;

Opened open_tier(Tier tier, Context& context) {
  switch (tier) {
    case Tier::Memory: return open_memory_tier(context);
    case Tier::Ebpf: return open_ebpf_tier(context);
    case Tier::Ptrace: return open_ptrace_tier(context);
  }
  return nullptr;
}

}  // namespace

SamplerSet::SamplerSet(const SamplingOptions& options, Profile& profile) : options_(options), context_{profile, options, {}} {}

Result<std::unique_ptr<SamplerSet>> SamplerSet::open(const SamplingOptions& options, Profile& profile) {
  std::unique_ptr<SamplerSet> samplers(new SamplerSet(options, profile));
  // A tier that was asked for is all there is: whether it opens is known before any process is looked at.
  for (std::size_t i = 0; i < kTiers.size(); ++i) {
    if (options.tier != kTiers[i]) continue;
    if (auto sampler = samplers->sampler(i); !sampler) return tl::unexpected(sampler.error());
  }
  samplers->begin_time();   // what is sampled while others are taken has a moment too
  return samplers;
}

void SamplerSet::begin_time() {
  if (context_.profile.moments.wanted()) context_.profile.moments.begin(now_ns(), wall_ns());
}

// Opened when first wanted: a tier without processes would still cost.
Result<Sampler*> SamplerSet::sampler(std::size_t index) {
  if (!samplers_[index] && refused_[index].message.empty()) {
    auto opened = open_tier(kTiers[index], context_);
    if (opened) samplers_[index] = std::move(*opened);
    else refused_[index] = opened.error();
  }
  if (!samplers_[index]) return tl::unexpected(refused_[index]);
  return samplers_[index].get();
}

// ebpf, where the kernel walks the runtime, is exact and stops nothing. Else interpreters are read by memory; with native
// frames mixed in, both are read in one stop.
bool SamplerSet::wanted(Tier tier, const Runtime& runtime) const {
  const Event event = options_.event;
  if (options_.tier) return tier == *options_.tier;
  if (event == Event::OffCpu) return tier == Tier::Ebpf;
  // That tier measures waits in time, the others count samples: one graph has one unit.
  if (tier == Tier::Ebpf) return event != Event::Wall && (!runtime.memory || !runtime.kernel_walk.empty());
  return tier == (runtime.memory && !options_.native ? Tier::Memory : Tier::Ptrace);
}

Result<const Runtime*> SamplerSet::runtime_of(const Process& process) {
  for (const Runtime& runtime : runtimes()) {
    if (options_.language != "auto" && options_.language != runtime.name) continue;
    if (runtime.matches(process, context_)) return &runtime;
  }
  const Lookalike like = lookalike_of(process, read_command_line(process.id.pid), context_.elfs);
  if (like.name && options_.language == like.language) return fail(Exit::CannotSample, "it runs {}: {}", like.name, like.sentence);
  if (options_.language != "auto") return fail(Exit::CannotSample, "it does not run {}", options_.language);
  return fail(Exit::CannotSample, "no supported runtime was recognised in it");
}

// Samples a second of its own, 0: the run's; none where rules exclude it.
std::optional<unsigned> SamplerSet::rate_of(const Container& container, const Runtime& runtime) const {
  if (!options_.selection.all_containers || (container.id.empty() && container.pod_uid.empty())) return 0;
  return options_.selection.rate_of({container.pod_namespace, container.pod_name, container.name}, runtime.name);
}

Result<Target> SamplerSet::target_of(const Found& found, const std::string& name, const Runtime*& runtime) {
  auto process = open_process(found.id);
  if (!process) return tl::unexpected(process.error());
  if (auto admitted = admit(*process); !admitted) return tl::unexpected(admitted.error());
  auto known = runtime_of(*process);
  if (!known) return tl::unexpected(known.error());
  runtime = *known;
  const auto rate = rate_of(found.container, *runtime);
  if (!rate) return fail(Exit::NoTarget, "it is excluded by its runtime, {}", runtime->name);
  auto held = std::make_unique<Process>(std::move(*process));
  held->name = name;
  auto walker = runtime->open(*held, context_);
  if (!walker) return tl::unexpected(walker.error());
  const Frame root{FrameKind::Process, name, {}, static_cast<std::uint32_t>(found.id.pid)};
  Target target{std::move(held), runtime, std::move(*walker), Threads(found.id.pid), context_.profile.intern(root)};
  for (const Frame& frame : frames_above(options_.above, found.container)) target.above.push_back(context_.profile.intern(frame));
  if (*rate != 0) target.share = static_cast<double>(*rate) / options_.rate;
  return target;
}

Result<Tier> SamplerSet::enlist(const Found& found, const std::string& name, std::string& runtime_name) {
  const Runtime* runtime = nullptr;
  declined_.clear();
  auto target = target_of(found, name, runtime);
  if (!target) return tl::unexpected(target.error());
  runtime_name = runtime->name;
  note_ = note_of(*target->process, found);
  Error first;
  for (std::size_t i = 0; i < kTiers.size(); ++i) {
    if (!wanted(kTiers[i], *runtime)) continue;
    auto tier = sampler(i);
    // A tier that did not take it has used it up: rare, and caches hold what was parsed.
    if (tier && !target) target = target_of(found, name, runtime);
    if (tier && !target) return tl::unexpected(target.error());
    auto added = tier ? (*tier)->add(std::move(*target)) : Result<void>(tl::unexpected(tier.error()));
    if (added) {
      members_[found.id] = {i, found};
      if (fallback_.empty()) fallback_ = declined_;
      return kTiers[i];
    }
    if (tier) {
      target = tl::unexpected(added.error());
      declined_ = added.error().message;
    }
    if (first.message.empty()) first = added.error();
  }
  if (first.message.empty()) first = {Exit::CannotSample, "no tier can sample it with these options"};
  return tl::unexpected(first);
}

// Files larger than the agent's memory budget are one process's trouble, not the others'.
Result<Tier> SamplerSet::enlist_safely(const Found& found, const std::string& name, std::string& runtime_name) {
  try {
    return enlist(found, name, runtime_name);
  } catch (const std::bad_alloc&) {
    members_.erase(found.id);
    return fail(Exit::CannotSample, "its files need more than the agent's memory budget (max_memory_mb)");
  }
}

// An earlier failure of the same process is overwritten: it may only have been too young.
ProcessReport& SamplerSet::report_of(const Found& found) {
  for (ProcessReport& report : reports_) {
    if (report.id == found.id && report.tier.empty()) return report;
  }
  if (reports_.size() >= kMostReports) return overflow_ = {};
  return reports_.emplace_back();
}

// A language's program that something else runs than what is sampled.
std::string SamplerSet::note_of(const Process& process, const Found& found) {
  const Lookalike like = lookalike_of(process, found.command_line, context_.elfs);
  return like.name ? fmt::format("it runs {}: {}", like.name, like.sentence) : "";
}

bool SamplerSet::take(const Found& found) {
  ProcessReport& report = report_of(found);
  const std::string told = report.failure.message;
  report = {found.id, redact_command_line(found.command_line), found.why, found.container, {}, {}, {}, 0, {}};
  auto tier = enlist_safely(found, report.name, report.runtime);
  if (!tier) {
    report.failure = tier.error();
    if (report.failure.code == Exit::NoTarget) return false;   // as asked for
    if (told != report.failure.message) log_warning("process {} `{}` is not sampled: {}", found.id.pid, report.name, report.failure.message);
    return false;
  }
  report.tier = tier_name(*tier);
  (*tier == Tier::Ebpf ? kernel_samples_ : ticks_sample_) = true;
  if (const Runtime* runtime = find_runtime(report.runtime)) report.rate = rate_of(found.container, *runtime).value_or(0);
  report.note = note_;
  if (!report.note.empty()) log_warning("process {} `{}`: {}", found.id.pid, report.name, report.note);
  log_info("process {} `{}`: {}, {} tier{}, matched by {}{}", found.id.pid, report.name, report.runtime, report.tier,
           declined_.empty() ? "" : " (" + declined_ + ")", report.why, place_of(found.container));
  return true;
}

bool SamplerSet::runtime_changed(const Found& found) {
  auto process = open_process(found.id);
  auto runtime = process ? runtime_of(*process) : Result<const Runtime*>(nullptr);
  if (!runtime || !*runtime) return false;
  const ProcessReport* report = newest(found);
  return report && report->runtime != (*runtime)->name;
}

bool SamplerSet::native_only(const Found& found) const {
  const ProcessReport* report = newest(found);
  const Runtime* runtime = report ? find_runtime(report->runtime) : nullptr;
  return runtime && runtime->any_program;
}

const ProcessReport* SamplerSet::newest(const Found& found) const {
  const auto report = std::find_if(reports_.rbegin(), reports_.rend(), [&](const auto& r) { return r.id == found.id; });
  return report == reports_.rend() ? nullptr : &*report;
}

void SamplerSet::release(const Found& found) {
  const auto member = members_.find(found.id);
  if (member == members_.end()) return;
  samplers_[member->second.sampler]->remove(found.id);
  members_.erase(member);
}

void SamplerSet::move_doubtful() {
  if (options_.tier) return;
  std::vector<Identity> doubtful;
  for (const auto& sampler : samplers_) {
    const auto* doubting = dynamic_cast<const Doubting*>(sampler.get());
    for (const Identity& id : doubting ? doubting->doubtful() : std::vector<Identity>{}) doubtful.push_back(id);
  }
  for (const Identity& id : doubtful) {
    const auto member = members_.find(id);
    if (member == members_.end() || std::exchange(member->second.moved, true)) continue;
    if (auto moved = move(member->second); !moved) log_warning("process {} stays under the memory tier: {}", id.pid, moved.error().message);
  }
}

// What was sampled of it so far stays.
Result<void> SamplerSet::move(Member& member) {
  const auto report = std::find_if(reports_.rbegin(), reports_.rend(), [&](const auto& r) { return r.id == member.found.id; });
  if (report == reports_.rend()) return fail(Exit::CannotSample, "it is one of too many");
  auto tier = sampler(kPtrace);
  if (!tier) return tl::unexpected(tier.error());
  const Runtime* runtime = nullptr;
  auto target = target_of(member.found, report->name, runtime);
  if (!target) return tl::unexpected(target.error());
  if (auto added = (*tier)->add(std::move(*target)); !added) return added;
  samplers_[member.sampler]->remove(member.found.id);
  member.sampler = kPtrace;
  report->tier = tier_name(kTiers[kPtrace]);
  const char* why = "more than a twentieth of what the memory tier saw of it was suspect: from then on by the ptrace tier";
  report->note += (report->note.empty() ? "" : "; ") + std::string(why);
  log_info("process {} `{}`: {}", report->id.pid, report->name, why);
  ++moved_;
  return {};
}

bool SamplerSet::tick() {
  bool alive = false;
  for (const auto& sampler : samplers_) alive |= sampler && sampler->tick();
  move_doubtful();
  return alive;
}

bool SamplerSet::settle(std::uint64_t until) {
  bool settled = true;
  for (const auto& sampler : samplers_) settled &= !sampler || sampler->settle(until);
  return settled;
}

void SamplerSet::abandon() {
  for (const auto& sampler : samplers_) {
    if (sampler) sampler->abandon();
  }
}

void SamplerSet::set_rate(double rate) {
  for (const auto& sampler : samplers_) {
    if (sampler) sampler->set_rate(rate);
  }
}

void SamplerSet::resolve() {
  for (const auto& sampler : samplers_) {
    if (sampler) sampler->resolve();
  }
}

void SamplerSet::forget_before(std::uint64_t monotonic_ns, std::uint64_t wall_ns) {
  for (const auto& sampler : samplers_) {
    if (sampler) sampler->flush();
  }
  const std::vector<NodeId> moved = context_.profile.forget_before(monotonic_ns, wall_ns);
  for (const auto& sampler : samplers_) {
    if (sampler) sampler->renumber(moved);
  }
}

std::vector<pid_t> SamplerSet::pids() const {
  std::vector<pid_t> pids;
  for (const auto& [id, member] : members_) pids.push_back(id.pid);
  return pids;
}

void SamplerSet::finish() {
  for (const auto& sampler : samplers_) {
    if (sampler) sampler->finish();
  }
}

Quality SamplerSet::quality() const {
  Quality sum;
  for (const auto& sampler : samplers_) {
    if (sampler) sum += sampler->quality();
  }
  return sum;
}

KernelCost SamplerSet::kernel_cost() const {
  KernelCost sum;
  for (const auto& sampler : samplers_) {
    const auto* part = dynamic_cast<const InKernel*>(sampler.get());
    const KernelCost one = part ? part->kernel_cost() : KernelCost{};
    sum.run_ns += one.run_ns;
    sum.interrupts += one.interrupts;
    sum.bytes += one.bytes;
  }
  return sum;
}

std::string SamplerSet::tiers() const {
  std::string names;
  for (const Tier tier : kTiers) {
    const bool used = std::any_of(reports_.begin(), reports_.end(), [&](const auto& r) { return r.tier == tier_name(tier); });
    if (used) (names += names.empty() ? "" : ", ") += tier_name(tier);
  }
  return names;
}

std::string SamplerSet::sentence() const {
  const std::string names = tiers();
  std::string text = names == "memory"   ? "the memory tier: frames are read, nothing is stopped"
                     : names == "ptrace" ? "the ptrace tier: one running thread at a time is stopped, for microseconds"
                     : names == "ebpf"   ? "the ebpf tier: stacks are walked in the kernel"
                                         : "the tiers " + names;
  if (options_.tier) return text + ", as asked for";
  if (moved_ > 0) text += fmt::format("; {} process{} came to it from the memory tier, where more than a twentieth of the samples were suspect", moved_, moved_ == 1 ? "" : "es");
  const std::string& why = refused_[0].message.empty() ? fallback_ : refused_[0].message;
  if (!why.empty()) text += fmt::format("; {} ebpf, since {}", names.starts_with("ebpf") ? "not all by" : "without", why);
  return text;
}

}  // namespace sampan

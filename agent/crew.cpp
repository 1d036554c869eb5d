#include "agent/crew.hpp"

#include <algorithm>
#include <utility>

#include "agent/redact.hpp"
#include "samplers/base/log.hpp"
#include "samplers/runtimes.hpp"
#include "samplers/tiers/tiers.hpp"

namespace sampan {
namespace {

// In the order of preference.
constexpr std::array<Tier, 3> kTiers = {Tier::Ebpf, Tier::Memory, Tier::Ptrace};
constexpr std::size_t kMostReports = 4096;

using Opened = Result<std::unique_ptr<Sampler>>;

Opened open_tier(Tier tier, Context& context) {
  switch (tier) {
    case Tier::Memory: return open_memory_tier(context);
    case Tier::Ebpf: return fail(Exit::NotPermitted, "the ebpf tier is not part of this build");
    case Tier::Ptrace: return fail(Exit::NotPermitted, "the ptrace tier is not part of this build");
  }
  return nullptr;
}

Quality& operator+=(Quality& sum, const Quality& one) {
  sum.wanted += one.wanted;
  sum.taken += one.taken;
  sum.idle += one.idle;
  sum.suspect += one.suspect;
  sum.truncated += one.truncated;
  sum.failed += one.failed;
  sum.lost += one.lost;
  sum.late += one.late;
  sum.unresolved += one.unresolved;
  return sum;
}

}  // namespace

Crew::Crew(const Params& params, Profile& profile) : params_(params), context_{profile, params.options, {}} {}

Result<std::unique_ptr<Crew>> Crew::open(const Params& params, Profile& profile) {
  std::unique_ptr<Crew> crew(new Crew(params, profile));
  if (auto opened = crew->open_tiers(); !opened) return tl::unexpected(opened.error());
  return crew;
}

Result<void> Crew::open_tiers() {
  Error first;
  bool any = false;
  for (std::size_t i = 0; i < kTiers.size(); ++i) {
    if (params_.tier && *params_.tier != kTiers[i]) continue;
    if (params_.options.event == Event::OffCpu && kTiers[i] != Tier::Ebpf) continue;
    auto opened = open_tier(kTiers[i], context_);
    if (opened) samplers_[i] = std::move(*opened);
    else if (kTiers[i] == Tier::Ebpf) without_ebpf_ = opened.error().message;
    if (!opened && first.message.empty()) first = opened.error();
    any |= samplers_[i] != nullptr;
  }
  if (!any) return tl::unexpected(first);
  return {};
}

bool Crew::wanted(Tier tier, const Runtime& runtime) const {
  if (tier == Tier::Memory) return runtime.memory && !(params_.options.native && !params_.tier);
  return true;
}

Result<const Runtime*> Crew::runtime_of(const Process& process) {
  for (const Runtime& runtime : runtimes()) {
    if (params_.language != "auto" && params_.language != runtime.name) continue;
    if (runtime.matches(process, context_)) return &runtime;
  }
  if (params_.language != "auto") return fail(Exit::CannotSample, "it does not run {}", params_.language);
  return fail(Exit::CannotSample, "it runs no language that is known");
}

Result<Target> Crew::target_of(const Found& found, const std::string& name, const Runtime*& runtime) {
  auto process = open_process(found.id);
  if (!process) return tl::unexpected(process.error());
  auto known = runtime_of(*process);
  if (!known) return tl::unexpected(known.error());
  runtime = *known;
  auto held = std::make_unique<Process>(std::move(*process));
  held->name = name;
  auto walker = runtime->open(*held, context_);
  if (!walker) return tl::unexpected(walker.error());
  const Frame root{FrameKind::Process, name, {}, static_cast<std::uint32_t>(found.id.pid)};
  return Target{std::move(held), runtime, std::move(*walker), Threads(found.id.pid), context_.profile.intern(root)};
}

// Each tier that could not take it costs one more opening: rare, and caches hold what was parsed.
Result<Tier> Crew::enlist(const Found& found, const std::string& name, std::string& runtime_name) {
  Error first{Exit::CannotSample, "no tier can sample it"};
  bool tried = false;
  for (std::size_t i = 0; i < samplers_.size(); ++i) {
    if (!samplers_[i]) continue;
    const Runtime* runtime = nullptr;
    auto target = target_of(found, name, runtime);
    if (!target) return tl::unexpected(target.error());
    runtime_name = runtime->name;
    if (!wanted(kTiers[i], *runtime)) continue;
    auto added = samplers_[i]->add(std::move(*target));
    if (added) {
      members_[found.id] = i;
      return kTiers[i];
    }
    log_debug("process {}: the {} tier does not take it: {}", found.id.pid, tier_name(kTiers[i]), added.error().message);
    if (!std::exchange(tried, true)) first = added.error();
  }
  return tl::unexpected(first);
}

bool Crew::take(const Found& found) {
  ProcessReport report;
  report.id = found.id;
  report.name = redact_command_line(found.command_line);
  report.why = found.why;
  report.container = found.container;
  auto tier = enlist(found, report.name, report.runtime);
  if (tier) report.tier = tier_name(*tier);
  else report.failure = tier.error();
  if (tier) log_info("process {} `{}`: {}, {} tier, matched by {}", found.id.pid, report.name, report.runtime, report.tier, report.why);
  else log_warning("process {} `{}` is not sampled: {}", found.id.pid, report.name, report.failure.message);
  if (reports_.size() < kMostReports) reports_.push_back(std::move(report));
  return tier.has_value();
}

void Crew::release(const Found& found) {
  const auto member = members_.find(found.id);
  if (member == members_.end()) return;
  samplers_[member->second]->remove(found.id);
  members_.erase(member);
}

bool Crew::tick() {
  bool alive = false;
  for (const auto& sampler : samplers_) alive |= sampler && sampler->tick();
  return alive;
}

void Crew::finish() {
  for (const auto& sampler : samplers_) {
    if (sampler) sampler->finish();
  }
}

bool Crew::ticks_sample() const {
  for (const auto& [id, index] : members_) {
    if (kTiers[index] != Tier::Ebpf) return true;
  }
  return members_.empty();
}

Quality Crew::quality() const {
  Quality sum;
  for (const auto& sampler : samplers_) {
    if (sampler) sum += sampler->quality();
  }
  return sum;
}

std::string Crew::tiers() const {
  std::string names;
  for (const Tier tier : kTiers) {
    const bool used = std::any_of(reports_.begin(), reports_.end(), [&](const auto& r) { return r.tier == tier_name(tier); });
    if (used) (names += names.empty() ? "" : ", ") += tier_name(tier);
  }
  return names;
}

std::string Crew::sentence() const {
  const std::string names = tiers();
  if (params_.tier) return fmt::format("the {} tier, as asked for", tier_name(*params_.tier));
  std::string text = names == "memory" ? "the memory tier: frames are read, nothing is stopped"
                     : names == "ptrace" ? "the ptrace tier: one running thread at a time is stopped for microseconds"
                     : names == "ebpf"   ? "the ebpf tier: stacks are walked in the kernel"
                                         : "the tiers " + names;
  if (!without_ebpf_.empty()) text += "; without ebpf, since " + without_ebpf_;
  return text;
}

}  // namespace sampan

// Who samples whom: for each process the first runtime that knows it, under the best tier that takes it.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/contract/stages.hpp"
#include "agent/result/run_result.hpp"
#include "agent/target/discovery.hpp"
#include "samplers/sampler.hpp"

namespace sampan {

// For one thread, the one that samples.
class SamplerSet {
 public:
  // Fails where the tier that the options name does not open. Both arguments outlive the samplers.
  static Result<std::unique_ptr<SamplerSet>> open(const SamplingOptions& options, Profile& profile);

  // The profile begins now: moments count from here, where they are wanted.
  void begin_time();
  // Takes a process in; whether it could or not is in reports(), one entry a process and program.
  bool take(const Found& found);
  // Whether a process that was taken shows another runtime by now: a program that has just begun maps its own late.
  bool runtime_changed(const Found& found);
  // Whether it is sampled by its machine stacks alone, as any program can be.
  bool native_only(const Found& found) const;
  bool has(Identity id) const { return members_.contains(id); }
  void release(const Found& found);
  // Observes every thread once; false where no sampler has a process alive. Where no tier was asked for, processes that one
  // sees with too much doubt then go over to the ptrace tier, for good.
  bool tick();
  // Waits until a time (CLOCK_MONOTONIC, ns) for threads whose stop is late, to let them go at once; true where there are none.
  bool settle(std::uint64_t until);
  // The process that sampled was ended in the midst of it.
  void abandon();
  // The rate that the kernel keeps, from now on; ticks are the caller's own.
  void set_rate(double rate);
  // Names what is not named yet, for who looks on.
  void resolve();
  // Forgets what was sampled before this instant, by both clocks.
  void forget_before(std::uint64_t monotonic_ns, std::uint64_t wall_ns);
  void finish();

  std::size_t size() const { return members_.size(); }
  std::vector<pid_t> pids() const;   // in order
  // Where the profile begins by now, wall clock.
  std::uint64_t begins_ns() const { return context_.profile.moments.start_ns(); }
  // False where the kernel itself keeps the rate for every process so far, so that ticks only collect.
  bool ticks_sample() const { return ticks_sample_ || !kernel_samples_; }
  Quality quality() const;
  KernelCost kernel_cost() const;
  const std::vector<ProcessReport>& reports() const { return reports_; }
  // The tiers in use: `memory`, or `memory, ptrace`.
  std::string tiers() const;
  // What was chosen, and what would unlock more.
  std::string sentence() const;

 private:
  struct Member {
    std::size_t sampler;     // its index
    Found found;
    bool moved = false;      // or tried to, see move_doubtful()
  };

  SamplerSet(const SamplingOptions& options, Profile& profile);
  Result<Sampler*> sampler(std::size_t index);
  bool wanted(Tier tier, const Runtime& runtime) const;
  ProcessReport& report_of(const Found& found);
  std::string note_of(const Process& process, const Found& found);
  const ProcessReport* newest(const Found& found) const;
  Result<const Runtime*> runtime_of(const Process& process);
  Result<Tier> enlist_safely(const Found& found, const std::string& name, std::string& runtime);
  Result<Tier> enlist(const Found& found, const std::string& name, std::string& runtime);
  std::optional<unsigned> rate_of(const Container& container, const Runtime& runtime) const;
  void move_doubtful();
  Result<void> move(Member& member);
  Result<Target> target_of(const Found& found, const std::string& name, const Runtime*& runtime);

  const SamplingOptions& options_;
  Context context_;
  std::array<std::unique_ptr<Sampler>, 3> samplers_;   // by preference: ebpf, memory, ptrace
  std::array<Error, 3> refused_;                       // why one did not open
  std::map<Identity, Member> members_;
  unsigned moved_ = 0;                                 // processes
  bool ticks_sample_ = false, kernel_samples_ = false; // any process so far
  std::vector<ProcessReport> reports_;
  std::string declined_;                               // why the process taken last is not under the best tier
  std::string note_;                                   // of the process taken last: ProcessReport::note
  std::string fallback_;                               // the first of these
  ProcessReport overflow_;                             // what no longer fits into reports_
};

}  // namespace sampan

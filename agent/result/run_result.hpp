// What a run came to: plain structs that the stages fill and that the result event tells.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/target/containers.hpp"
#include "flamegraph/bursts.hpp"
#include "flamegraph/verdict.hpp"
#include "samplers/base/result.hpp"
#include "samplers/sampler.hpp"
#include "samplers/tiers/tiers.hpp"

namespace sampan {

// One process that matched, taken or not.
struct ProcessReport {
  Identity id;
  std::string name;         // redacted command line
  std::string why;          // the keys that matched
  Container container;
  std::string runtime, tier;   // empty where it could not be sampled
  Error failure;            // its sentence is empty where it was taken
  unsigned rate = 0;        // samples a second, where a rule gives it its own; 0: the run's
  std::string note;         // what can and what cannot be seen of it; empty: all that its row promises
};

// One file, as it was made.
struct Artifact {
  std::string name;         // `profile-<app>-<version>-<epoch>.<ext>`
  std::string format;
  std::string content_type;
  std::string bytes;
  std::string sha256;       // lower-case hex
  std::string path;         // where it lies; empty where it could not be written
  std::string part = {};    // of one result of several (split_by): what tells it from the others; empty: it is the whole
  std::map<std::string, std::string> labels = {};   // whose it is
};

// One file at one destination.
struct DeliveryReport {
  std::string destination;  // without credentials
  std::string file;
  bool delivered = false;
  bool refused = false;     // trying again is no use
  long status = 0;          // HTTP's; 0: no answer
  unsigned attempts = 0;
  std::string failure;
  std::optional<double> asked = {};   // seconds to wait, as the server's last answer says
};

// What waits to be sent, and what became of the rest since the agent began.
struct SpoolState {
  bool used = false;
  std::uint64_t waiting = 0, bytes = 0;              // now
  std::uint64_t delivered = 0, refused = 0, failed = 0, dropped = 0;   // failed: attempts; dropped: too old, too much, damaged
};

enum class Ended : std::uint8_t { Time, Signal, TargetsGone, Memory, Stuck };
const char* ended_name(Ended ended);
// Of an end that is the agent's own doing, what to change; empty otherwise.
const char* ended_sentence(Ended ended);

// Seconds of processor time while sampling, as the kernel counts it.
struct CpuUse {
  double targets = 0;    // of the processes that were sampled
  double children = 0;   // of what they started, and is not sampled itself
};

// What made the flight recorder fire.
struct Fired {
  std::string why;             // a sentence; empty: nothing did
  std::uint64_t wall_ns = 0;
  double seconds = 0;          // since the recording's start
  bool any() const { return !why.empty(); }
};

// What the kernel counted of the targets' cgroups while sampling; what is not known is -1.
struct CgroupUse {
  std::int64_t periods = -1, throttled_periods = -1;   // of the CPU quota
  double throttled_seconds = -1;                       // summed over its processors
  double cpu_seconds = -1, cores = -1;                 // used; of the quota
  std::int64_t memory_bytes = -1, memory_limit_bytes = -1;   // at its highest
  std::int64_t oom_kills = -1;
  double cpu_pressure_seconds = -1, memory_pressure_seconds = -1, io_pressure_seconds = -1;   // some task waited for it (PSI)
};

// What the loop did. `rate` is what params ask for, a thread; `achieved_rate` what came of it: ticks a second over all of the
// time sampled, lowered rates and skipped ticks included; in the ebpf tier the kernel takes the samples, and it is the mean
// rate that its events were set to.
struct Sampled {
  Quality quality;
  std::vector<ProcessReport> processes;
  std::string tier;            // `memory`, or `memory, ptrace`
  std::string tier_sentence;   // what was chosen and what would unlock more
  Ended ended = Ended::Time;
  std::uint64_t ticks = 0;
  double seconds = 0;          // that were sampled
  double achieved_rate = 0;    // ticks a second
  unsigned rate = 0;           // asked for
  unsigned lowered_rate = 0;   // by the governor; 0: never
  unsigned skipped_processes = 0;
  CpuUse cpu;
  KernelCost kernel;           // its bytes at their highest
  CgroupUse cgroup;
  bool recorder = false;       // it waited for something to happen
  Fired fired;
};

// What this process and those that it waited for have used so far, the kernel's work for its profiles included.
struct Cost {
  double cpu_seconds = 0;
  double kernel_seconds = 0;   // of these: programs in the kernel, which run on others' time
  std::uint64_t rss_bytes = 0; // at its highest
};
Cost own_cost();
// Adds a profile's share in the kernel, once for each.
void add_kernel_cost(const KernelCost& cost);

// What a run came to: the `result` event, the termination log and the exit code are made of it.
struct RunResult {
  Exit code = Exit::Delivered;
  std::string sentence;
  bool partial = false;
  Sampled sampled;
  std::uint64_t samples = 0;   // weight of the profile
  std::vector<Burst> bursts;   // what stands out in time
  std::vector<Artifact> files;
  std::vector<DeliveryReport> deliveries;
  std::optional<DiffVerdict> verdict;   // of a diff
  SpoolState spool;
};

// An outcome that is nothing but a failure.
RunResult failed(const Error& error);

}  // namespace sampan

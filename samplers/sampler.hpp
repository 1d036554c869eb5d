// The grid: a Sampler is a tier (how a thread is observed), a Walker is a runtime's knowledge of one process
// (what the observed thread's frames are), a Runtime is a row of the registry. A tier knows no runtime.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "flamegraph/profile.hpp"
#include "samplers/base/durations.hpp"
#include "samplers/elf/elf_file.hpp"
#include "samplers/process/process.hpp"
#include "samplers/process/threads.hpp"
#include "samplers/registers.hpp"
#include "samplers/symbols/symbol_cache.hpp"
#include "samplers/unwind/unwind_table.hpp"

namespace sampan {

enum class Tier : std::uint8_t { Memory, Ptrace, Ebpf };
enum class Event : std::uint8_t { Cpu, Wall, OffCpu, Gil };

// What the user asked of every sampler.
struct Options {
  unsigned rate = 100;          // samples a second per thread
  Event event = Event::Cpu;
  bool exclude_idle = true;
  bool multi_threads = true;    // false: main threads only
  bool native = false;          // interpreters: native frames mixed in
  bool lines = true;            // false: a frame is a function, whatever its line
  bool by_process = true;       // a Process root above each stack
  bool by_thread = false;       // a Thread root above each stack
  bool mark_lock = false;       // a Note frame, kHoldsLock, above the stack of the thread that holds its runtime's lock
};
inline constexpr std::string_view kHoldsLock = "[holds the lock]";

// What a tier saw of one thread. Spans live until the walk returns; what a tier has not is empty.
struct ThreadSnapshot {
  pid_t tid = 0;                                // in this agent's numbering
  pid_t inner_tid = 0;                          // in the thread's own PID namespace
  const Registers* registers = nullptr;         // captured while the thread did not run
  bool fp_known = true;                         // false: only pc and sp of the registers hold (a thread that sleeps)
  Bytes stack;                                  // a copy, from registers->sp up
  std::span<const std::uint64_t> addresses;     // walked in the kernel, innermost first, each inside its call
  std::span<const std::uint64_t> kernel;        // kernel addresses, innermost first
  std::uint64_t taken_at = 0;                   // CLOCK_MONOTONIC, ns; 0: now. Memory may say something else since
  bool deferred = false;                        // taken a while ago (the kernel's buffer)
  bool rooted = false;                          // `addresses` reached the thread's start
  bool inferred = false;                        // a step between them went by no unwind information
  Bytes interpreter;                            // the runtime's own frames, as its in-kernel walk sent them
};

enum class Walked : std::uint8_t {
  Whole,       // reached the thread's start
  Truncated,   // frames are true but some are missing; the walker put a Note frame where
  Suspect,     // taken as it is, but it changed while it was read
  NoFrames,    // the thread is none of the runtime's, or runs nothing of it now
  Failed,      // nothing could be read
};

// What the in-kernel walk of a runtime's own frames is given: opaque to the tier.
struct KernelWalk {
  Bytes layout;           // empty: there is none; lives as long as the walker
  bool machine = true;    // the machine's frames are wanted too
};

// Lives as long as its Target, and not as long as the Process that it was opened for. Only the thread that samples calls it;
// it never throws but for want of memory.
class Walker {
 public:
  virtual ~Walker() = default;
  // Appends the thread's frames, outermost first.
  virtual Walked walk(const ThreadSnapshot& thread, std::vector<FrameId>& frames) = 0;
  // True where the thread holds the interpreter's global lock (event: gil). Runtimes without one: true.
  virtual bool holds_lock(const ThreadSnapshot&) { return true; }
  // The runtime's own name of a thread; empty: the operating system's is used.
  virtual std::string thread_name(pid_t) { return {}; }
  // Called now and then between samples: mappings may have changed (dlopen), caches may be trimmed.
  virtual void refresh() {}
  // Called by the ptrace tier while the thread is still stopped, before walk(): what must agree with the registers is
  // copied now, in microseconds.
  virtual void observe_stopped(const ThreadSnapshot&) {}
  // True where the walker needs registers and a copy of the stack, in every tier: a walk by rows does not do.
  virtual bool wants_stack() const { return false; }
  // Called by the ebpf tier before the first sample; fails with the sentence why the kernel cannot walk this process.
  virtual Result<KernelWalk> kernel_walk() { return KernelWalk{}; }
  // Names what was left as placeholders; called after the last sample, when the process has ended, and for who looks on.
  virtual void resolve(Profile&) {}
};

// Shared by all walkers of a run, on the thread that samples.
struct Context {
  Profile& profile;
  const Options& options;
  ElfCache elfs;
  UnwindCache unwind{};
  SymbolCache symbols{};
  std::uint64_t unresolved = 0;   // frames that no table names
  std::uint64_t inferred = 0;     // stacks that a step without unwind information is part of
};

// A row of the registry (samplers/runtimes.cpp); everything in it lives as long as the program.
struct Runtime {
  const char* name;
  bool (*matches)(const Process&, Context&);
  // The process outlives the walker.
  Result<std::unique_ptr<Walker>> (*open)(Process&, Context&);
  bool memory;              // sampled by memory alone; else registers and stack are needed
  Bytes kernel_walk{};      // its own frames are walked in the kernel too, by this BPF object (samplers/kernel); empty: not
  bool lock = false;        // it has one lock that one of its threads holds: Walker::holds_lock
  bool any_program = false; // takes what no other row takes: a program may show its own runtime later
};

// One process under a tier: the tier owns it.
struct Target {
  std::unique_ptr<Process> process;     // its address never changes: the walker keeps it
  const Runtime* runtime;
  std::unique_ptr<Walker> walker;
  Threads threads;
  FrameId root = Profile::kNoFrame;     // its Process frame
  std::vector<FrameId> above{};         // frames that stand above it: its pod, its container
  double share = 1;                     // of its samples that are taken, by chance: below 1 where its rate is lower than the run's
};

// The figures of "Never guess", summed over a run.
struct Quality {
  std::uint64_t wanted = 0;       // thread samples due, idle ones included
  std::uint64_t taken = 0;        // stacks in the profile
  std::uint64_t idle = 0;         // threads that did not run (exclude_idle)
  std::uint64_t frameless = 0;    // of those taken: threads that ran, and nothing of their interpreter's
  std::uint64_t suspect = 0;
  std::uint64_t truncated = 0;
  std::uint64_t failed = 0;
  std::uint64_t lost = 0;         // dropped in the kernel's buffers
  std::uint64_t late = 0;         // ticks skipped
  std::uint64_t unresolved = 0;   // frames without a name
  std::uint64_t inferred = 0;     // stacks through code without unwind information: by the code itself or frame pointers
  std::uint64_t stopped = 0;      // threads that job control had stopped (SIGSTOP): left alone
  std::uint64_t traced = 0;       // threads that another tracer holds (a debugger): left alone
  Durations stops;                // how long a thread was stopped for one sample, from above

  // Adds what another tier counted of the same run.
  Quality& operator+=(const Quality& other);
};

// Owns its targets. Only the thread that samples calls it; the context outlives it.
class Sampler {
 public:
  virtual ~Sampler() = default;
  virtual Tier tier() const = 0;
  // Takes a process in. Fails with the sentence for its entry in the result; the others go on.
  virtual Result<void> add(Target target) = 0;
  // Lets a process go (it ended, or matches no more); its names are resolved first.
  virtual void remove(Identity id) = 0;
  // Observes every thread once. Returns false where no process is left alive.
  virtual bool tick() = 0;
  // Between two ticks: finishes what a tick left open in a target (a thread whose stop is late), waiting for it until a
  // time (CLOCK_MONOTONIC, ns) at most. True where nothing is open.
  virtual bool settle(std::uint64_t) { return true; }
  // The process that sampled was ended in the midst of it, and the kernel has let its tracees go: figures are set right.
  virtual void abandon() {}
  // Samples less often from now on, where something other than the ticks keeps the rate.
  virtual void set_rate(double) {}
  // Names what is not named yet, for who looks on while sampling goes on.
  virtual void resolve() {}
  // Brings what still lasts (waits) into the profile as far as it has come.
  virtual void flush() {}
  // The tree was made anew (Profile::forget_before): the node `id` is `moved[id]` now, Profile::kRoot where it is gone;
  // lanes have other ids too.
  virtual void renumber(std::span<const NodeId> moved) = 0;
  // Collects what the kernel gathered and resolves all names into the profile.
  virtual void finish() = 0;
  virtual const Quality& quality() const = 0;
};

}  // namespace sampan

// The three tiers, best first where allowed: ebpf, memory (interpreters), ptrace. Each opener tries, never guesses.
#pragma once

#include <cstdint>
#include <memory>

#include "samplers/sampler.hpp"

namespace sampan {

// What the kernel does for a tier, which no account of the agent's own process shows.
struct KernelCost {
  std::uint64_t run_ns = 0;       // of programs in the kernel, by their own clock
  std::uint64_t interrupts = 0;   // perf events that ran one; what the interrupt itself takes no clock tells
  std::uint64_t bytes = 0;        // of maps and buffers: charged to the agent's control group
};

// What a Sampler is too where a part of it runs in the kernel.
class InKernel {
 public:
  virtual ~InKernel() = default;
  virtual KernelCost kernel_cost() const = 0;
};

// Reads interpreters' frames and stops nothing; needs SYS_PTRACE.
std::unique_ptr<Sampler> open_memory_tier(Context& context);

// Stops running threads, each for the time of one copy; needs SYS_PTRACE.
std::unique_ptr<Sampler> open_ptrace_tier(Context& context);

// Walks stacks in the kernel; fails with NotPermitted and the sentence that says what is missing
// (BPF, PERFMON, a kernel of 5.10 or newer, BTF, seccomp).
Result<std::unique_ptr<Sampler>> open_ebpf_tier(Context& context);

}  // namespace sampan

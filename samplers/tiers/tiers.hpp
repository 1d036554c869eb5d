// The three tiers, best first where allowed: ebpf, memory (interpreters), ptrace. Each opener tries, never guesses.
#pragma once

#include <memory>

#include "samplers/sampler.hpp"

namespace sampan {

// Reads interpreters' frames and stops nothing; needs SYS_PTRACE.
std::unique_ptr<Sampler> open_memory_tier(Context& context);

// Stops one running thread at a time for the time of one copy; needs SYS_PTRACE.
std::unique_ptr<Sampler> open_ptrace_tier(Context& context);

// Walks stacks in the kernel; fails with NotPermitted and the sentence that says what is missing
// (BPF, PERFMON, a kernel of 5.10 or newer, BTF, seccomp).
Result<std::unique_ptr<Sampler>> open_ebpf_tier(Context& context);

}  // namespace sampan

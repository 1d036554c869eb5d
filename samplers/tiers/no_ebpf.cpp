// Stands in for the ebpf tier where the kernel's walk is not written for the processor: CMakeLists.txt leaves it out.
#if !defined(__x86_64__)
#include "samplers/tiers/tiers.hpp"

namespace sampan {

Result<std::unique_ptr<Sampler>> open_ebpf_tier(Context&) {
  return fail(Exit::NotPermitted, "the ebpf tier is built for x86_64 only so far: memory and ptrace work here");
}

}  // namespace sampan
#endif

#include "samplers/tiers/tiers.hpp"

namespace sampan {
Result<std::unique_ptr<Sampler>> open_ebpf_tier(Context&) { return fail(Exit::NotPermitted, "the ebpf tier is not built in"); }
}  // namespace sampan

// pprof's gzipped protocol buffer (google/pprof, proto/profile.proto).
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "flamegraph/profile.hpp"

namespace sampan {

// A module file's GNU build id in hex, or empty: who knows processes and files says it.
using BuildIdOf = std::function<std::string(std::string_view file)>;

// Sample values: of samples, `samples/count` and, where the rate is known, `cpu/nanoseconds`; of nanoseconds,
// only the latter. Process and thread frames become the labels pid, comm, tid and thread_comm.
// Of a diff: the second profile minus the first, as pprof -diff_base writes it. Empty if zlib fails.
std::string to_pprof(const Profile& profile, const BuildIdOf& build_id = {});

// Adds a profile that is not gzipped (any more): of several values the one that it prefers, else the number of samples,
// else the last. The labels that to_pprof() writes become frames again. False where the bytes are none of pprof's; what was
// added until then stays.
bool add_pprof(Profile& profile, std::string_view bytes);

}  // namespace sampan

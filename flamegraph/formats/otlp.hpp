// OpenTelemetry's profiles signal, opentelemetry-proto 1.11 (profiles/v1development/profiles.proto): one gzipped
// ExportProfilesServiceRequest, which is a ProfilesData by another name. A receiver of proto 1.9 or older misreads it.
#pragma once

#include <string>

#include "flamegraph/profile.hpp"

namespace sampan {
// One sample a stack and thread. Where the profile has moments, samples carry their timestamps instead of a value; samples
// that weigh time carry nanoseconds, without timestamps (Pyroscope refuses a value a timestamp). Labels become the
// resource's attributes, by the semantic conventions' names. Of a diff: the second profile minus the first. Empty if zlib fails.
std::string to_otlp(const Profile& profile);
}

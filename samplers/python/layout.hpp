// Which offsets hold for a CPython: a row of a table up to 3.12; from 3.13 on the target's own table of offsets
// (_Py_DebugOffsets), read by the schema of its version and checked field by field.
#pragma once

#include <cstdint>

#include "samplers/base/cursor.hpp"
#include "samplers/base/result.hpp"
#include "samplers/python/offsets.h"

namespace sampan::python {

using Offsets = sampan_py_offsets;

constexpr std::uint32_t version(unsigned major, unsigned minor) { return major << 8 | minor; }

// nullptr where the version has no row (3.13 and newer bring their own table).
const Offsets* known_offsets(std::uint32_t version);

// `_PyRuntime` begins with these bytes from 3.13 on.
constexpr std::string_view kDebugCookie = "xdebugpy";
constexpr std::size_t kDebugTableSize = 1024;   // more than any version's

// From the first bytes of `_PyRuntime`; fails where the version has no schema here or a field cannot be true.
Result<Offsets> debug_offsets(Bytes runtime);

}  // namespace sampan::python

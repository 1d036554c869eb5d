// Names as people write them: C++ and Rust (legacy and v0) by libiberty, bounded in time and size.
#pragma once

#include <string>
#include <string_view>

namespace sampan {

// The demangled name, cut at 1 KiB; the name itself, without its symbol version, where it is not mangled.
std::string demangle(std::string_view name);

}  // namespace sampan

// Names as people write them: C++ and Rust (legacy and v0) by libiberty, bounded in time and size.
#pragma once

#include <string>
#include <string_view>

namespace sampan {

// The demangled name, cut at 1 KiB; the name itself where it is not mangled. Without its symbol version, and without_variant().
std::string demangle(std::string_view name);

// A symbol without what a compiler appended when it split or copied a function (`.isra.0`, `.part.0`, `.cold`,
// `.lto_priv.0`): the parts of one function are one frame.
std::string_view without_variant(std::string_view name);

// What demangle() left out of it: `.isra.0`; empty where nothing.
std::string_view variant_of(std::string_view name);

}  // namespace sampan

// Inlining as the compilers recorded it: a PcDesc per point where the VM may look, and per PcDesc a chain of
// scopes from the innermost method to the compiled one (share/code/{pcDesc,debugInfo}.hpp).
#pragma once

#include <cstdint>
#include <vector>

#include "samplers/java/code_cache.hpp"

namespace sampan::java {

struct Scope {
  std::uint64_t method = 0;   // Method*
  std::int32_t bci = -1;      // negative: at the method's entry, or not known
};

// The scope offset of the PcDesc at the pc, or of the next one after it, or of the last one that has a scope; 0: none.
// `exact`: it is the pc's own.
std::int32_t find_scope(Bytes pc_descs, std::int32_t pc_offset, bool& exact);

// Fills `scopes`, innermost first; false where the records cannot be read or make no sense.
// `is_call`: whether the pc is recorded itself, as return addresses are.
bool read_scopes(Memory& memory, const Layout& layout, const Blob& blob, std::uint64_t pc, std::vector<Scope>& scopes,
                 bool* is_call = nullptr);

}  // namespace sampan::java

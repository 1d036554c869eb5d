// x86-64 code followed to its return, or back to its entry: where rsp and rbp are then.
#pragma once

#include <cstdint>
#include <optional>

#include "samplers/java/machine_code.hpp"
#include "samplers/unwind/x86_code.hpp"

namespace sampan::java {

// Follows the code from `start` to a return, at most `most` instructions: sp is then where the return address lies. A
// branch is taken where going straight on leads round a loop or to what cannot be followed.
std::optional<CodeState> follow_to_return(Bytes code, std::size_t start, CodeState state, const StackWord& word, unsigned most);

// Takes back a prologue: `at` was reached from the entry at 0. sp is then where the return address lies.
std::optional<CodeState> undo_prologue(Bytes code, std::size_t at, CodeState state, const StackWord& word);

}  // namespace sampan::java

// What the mode diff says in words: what changed by more than chance, and what is slower than `fail_above` allows.
#pragma once

#include <string>

#include "agent/contract/stages.hpp"
#include "flamegraph/verdict.hpp"

namespace sampan {

// `2 of 140 functions changed by more than chance: parse 12.1 to 16.3 % of its own (+4.2 points, +3.1 to +5.3), …`
std::string verdict_sentence(const DiffVerdict& verdict);

// The function that breaks a limit most, where its change is more than chance; empty: none does, or nothing is limited.
std::string slower_sentence(const DiffVerdict& verdict, const CompareOptions& limits);

}  // namespace sampan

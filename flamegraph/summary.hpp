// What a profile says in words and figures, before anything is pruned: shares by language, the top functions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "flamegraph/label.hpp"
#include "flamegraph/layout.hpp"
#include "flamegraph/profile.hpp"

namespace sampan {

struct Share {
  FrameKind kind;           // the language's first
  std::uint64_t self = 0;
};

struct Function {
  std::string name;         // without line numbers; not cleaned
  FrameKind kind;
  std::uint64_t self = 0;
  std::uint64_t total = 0;  // recursion counted once
  std::uint64_t base_self = 0;
  std::uint64_t base_total = 0;
};

struct Summary {
  std::uint64_t total = 0;
  std::uint64_t base_total = 0;
  std::uint64_t processes = 0;
  std::uint64_t threads = 0;
  std::vector<Share> shares;      // heaviest first
  std::vector<Function> top;      // by self weight, at most `rows`; of a diff by the change of it
};

Summary summarise(const Layout& layout, const Labels& labels, bool differential, std::size_t rows);

// `1,234 samples`, or of nanoseconds `1.23 s`.
std::string amount(std::uint64_t weight, std::string_view unit);
void append_amount(std::string& out, std::uint64_t weight, std::string_view unit);
// `12.3 %` of a whole.
std::string percent(std::uint64_t part, std::uint64_t whole);
void append_percent(std::string& out, std::uint64_t part, std::uint64_t whole);
// `12 processes, 30 s at 99 Hz, 35,412 samples, 2026-11-24 13:20 UTC.`
std::string facts_sentence(const Summary& summary, const Description& description);
// `Most of its own time: json.loads (Python), 41.0 %; …`
std::string top_sentence(const Summary& summary, const Description& description);

}  // namespace sampan

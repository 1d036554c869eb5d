#include "flamegraph/summary.hpp"

#include <fmt/compile.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <unordered_map>

#include "flamegraph/palette.hpp"
#include "flamegraph/text.hpp"

namespace sampan {
namespace {

// Labels that differ only in the line are one function.
struct Functions {
  std::vector<std::uint32_t> of_label;
  std::vector<Function> all;
};

Functions functions_of(const Labels& labels) {
  Functions functions;
  functions.of_label.resize(labels.all.size());
  std::unordered_map<std::string, std::uint32_t> seen(labels.all.size());
  std::string key, scratch;
  for (std::size_t label = 0; label < labels.all.size(); ++label) {
    const auto& [text, kind] = labels.all[label];
    key.assign(1, static_cast<char>(kind));
    key += is_group(kind) ? text : function_of(text, scratch);
    const auto [found, fresh] = seen.try_emplace(key, static_cast<std::uint32_t>(functions.all.size()));
    if (fresh) functions.all.push_back({key.substr(1), kind});
    functions.of_label[label] = found->second;
  }
  return functions;
}

// What the boxes of one function weigh together.
struct Tally {
  std::uint32_t open_until = 0;   // the end of its outermost open box
  std::uint32_t boxes = 0;
  std::uint64_t self = 0, total = 0, base_self = 0, base_total = 0;
};

std::vector<Tally> tally(const Layout& layout, const Functions& functions) {
  std::vector<Tally> all(functions.all.size());
  for (std::uint32_t at = 0; at < layout.boxes.size(); ++at) {
    const Box& box = layout.boxes[at];
    Tally& t = all[functions.of_label[box.label]];
    ++t.boxes;
    t.self += box.self;
    t.base_self += box.base_self;
    if (t.open_until > at) continue;
    t.open_until = box.end;
    t.total += box.total;
    t.base_total += box.base_total;
  }
  return all;
}

std::vector<Share> shares_of(const std::vector<Function>& functions, std::uint64_t nobodys) {
  std::vector<Share> shares;
  std::array<std::uint64_t, kHues.size()> self{};
  for (const Function& f : functions) self[static_cast<std::size_t>(f.kind)] += f.self;
  self[static_cast<std::size_t>(FrameKind::Note)] -= nobodys;
  for (const Hue& h : kHues) {
    const std::uint64_t weight = self[static_cast<std::size_t>(h.kind)];
    const auto same = std::find_if(shares.begin(), shares.end(),
                                   [&](const Share& s) { return hue(s.kind).language == h.language; });
    if (same != shares.end()) same->self += weight;
    else shares.push_back({h.kind, weight});
  }
  std::erase_if(shares, [](const Share& s) { return s.self == 0; });
  std::stable_sort(shares.begin(), shares.end(), [](const Share& a, const Share& b) { return a.self > b.self; });
  return shares;
}

std::uint64_t difference(std::uint64_t a, std::uint64_t b) { return a > b ? a - b : b - a; }

// The heaviest by their own weight, of a diff by the change of it.
void keep_top(std::vector<Function>& all, bool differential, std::size_t rows) {
  std::erase_if(all, [](const Function& f) { return is_group(f.kind) || (f.self == 0 && f.base_self == 0); });
  const auto heavier = [&](const Function& a, const Function& b) {
    const auto x = differential ? difference(a.self, a.base_self) : a.self;
    const auto y = differential ? difference(b.self, b.base_self) : b.self;
    return x != y ? x > y : a.name != b.name ? a.name < b.name : a.kind < b.kind;
  };
  const auto cut = all.begin() + static_cast<std::ptrdiff_t>(std::min(rows, all.size()));
  std::partial_sort(all.begin(), cut, all.end(), heavier);
  all.erase(cut, all.end());
}

}  // namespace

Summary summarise(const Layout& layout, const Labels& labels, bool differential, std::size_t rows) {
  Summary summary;
  summary.total = layout.boxes[0].total;
  summary.base_total = layout.boxes[0].base_total;
  Functions functions = functions_of(labels);
  const std::vector<Tally> tallies = tally(layout, functions);
  for (std::size_t id = 0; id < tallies.size(); ++id) {
    const Tally& t = tallies[id];
    Function& f = functions.all[id];
    f.self = t.self;
    f.total = t.total;
    f.base_self = t.base_self;
    f.base_total = t.base_total;
    if (f.kind == FrameKind::Process) summary.processes += t.boxes;
    if (f.kind == FrameKind::Thread) summary.threads += t.boxes;
  }
  summary.shares = shares_of(functions.all, layout.boxes[0].self);
  keep_top(functions.all, differential, rows);
  summary.top = std::move(functions.all);
  return summary;
}

void append_amount(std::string& out, std::uint64_t weight, std::string_view unit) {
  if (unit == "nanoseconds") {
    const auto ns = static_cast<double>(weight);
    append_fixed(out, weight >= 1000000000 ? ns / 1e9 : weight >= 1000000 ? ns / 1e6 : ns / 1e3, 2);
    out += weight >= 1000000000 ? " s" : weight >= 1000000 ? " ms" : " \u00b5s";
    return;
  }
  if (weight == 1 && unit == "samples") unit.remove_suffix(1);
  append_grouped(out, weight);
  append_clean(out += ' ', unit);
}

std::string amount(std::uint64_t weight, std::string_view unit) {
  std::string out;
  append_amount(out, weight, unit);
  return out;
}

// Two digits of a share below 0.1: most frames of a large picture have one, and a general formatter would take longer
// than all else that is written of them.
void append_small(std::string& out, double share) {
  struct Range {
    double least, scale;
    std::string_view zeros;
  };
  for (const auto& [least, scale, zeros] : {Range{0.01, 1e3, "0.0"}, Range{0.001, 1e4, "0.00"}, Range{0.0001, 1e5, "0.000"}}) {
    const auto digits = static_cast<unsigned>(share * scale + 0.5);
    if (share < least || digits > 99) continue;
    out += zeros;
    out += static_cast<char>('0' + digits / 10);
    if (digits % 10 != 0) out += static_cast<char>('0' + digits % 10);
    return;
  }
  fmt::format_to(std::back_inserter(out), FMT_COMPILE("{:.2g}"), share);
}

void append_percent(std::string& out, std::uint64_t part, std::uint64_t whole) {
  const double share = whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
  if (whole == 0) out += '0';
  else if (share > 0 && share < 0.1) append_small(out, share);
  else append_fixed(out, share, 1);
  out += " %";
}

std::string percent(std::uint64_t part, std::uint64_t whole) {
  std::string out;
  append_percent(out, part, whole);
  return out;
}

std::string facts_sentence(const Summary& summary, const Description& description) {
  std::string out;
  if (summary.processes > 1) out += fmt::format("{} processes, ", grouped(summary.processes));
  if (summary.threads > 1) out += fmt::format("{} threads, ", grouped(summary.threads));
  if (description.duration_ns != 0) {
    out += fmt::format("{:.3g} s", static_cast<double>(description.duration_ns) / 1e9);
    out += description.rate > 0 ? fmt::format(" at {:.4g} Hz, ", description.rate) : ", ";
  }
  if (description.differential) {
    out += fmt::format("{} before, {} after", amount(summary.base_total, description.unit),
                       amount(summary.total, description.unit));
  } else {
    out += amount(summary.total, description.unit);
  }
  if (description.started_ns != 0) {
    const auto seconds = static_cast<std::time_t>(description.started_ns / 1000000000);
    std::tm when{};
    char text[40] = "";
    if (gmtime_r(&seconds, &when) != nullptr) std::strftime(text, sizeof text, ", %Y-%m-%d %H:%M UTC", &when);
    out += text;
  }
  return out + ".";
}

std::string top_sentence(const Summary& summary, const Description& description) {
  if (summary.top.empty()) return {};
  std::string out = description.differential ? "Largest changes of own time: " : "Most time of its own: ";
  for (std::size_t row = 0; row < std::min<std::size_t>(3, summary.top.size()); ++row) {
    const Function& f = summary.top[row];
    if (row != 0) out += "; ";
    out += fmt::format("{} ({}) ", shorten(clean(f.name), 60), hue(f.kind).language);
    if (description.differential) out += percent(f.base_self, summary.base_total) + " \u2192 ";
    out += percent(f.self, summary.total);
  }
  return out + ".";
}

}  // namespace sampan

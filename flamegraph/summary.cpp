#include "flamegraph/summary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <unordered_map>

#include "flamegraph/palette.hpp"
#include "flamegraph/text.hpp"

namespace sampan {
namespace {

bool is_group(FrameKind kind) { return kind == FrameKind::Process || kind == FrameKind::Thread; }

std::vector<Share> shares_of(const Layout& layout, const Labels& labels) {
  std::vector<Share> shares;
  std::array<std::uint64_t, kHues.size()> self{};
  for (const Box& box : layout.boxes) {
    if (box.label != 0) self[static_cast<std::size_t>(labels.all[box.label].kind)] += box.self;
  }
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

std::uint64_t difference(std::uint64_t a, std::uint64_t b) { return a > b ? a - b : b - a; }

}  // namespace

Summary summarise(const Layout& layout, const Labels& labels, bool differential, std::size_t rows) {
  Summary summary;
  summary.total = layout.boxes[0].total;
  summary.base_total = layout.boxes[0].base_total;
  summary.shares = shares_of(layout, labels);
  Functions functions = functions_of(labels);
  std::vector<std::uint32_t> open_until(functions.all.size());  // the end of the outermost open box of a function
  for (std::uint32_t at = 0; at < layout.boxes.size(); ++at) {
    const Box& box = layout.boxes[at];
    const std::uint32_t id = functions.of_label[box.label];
    Function& function = functions.all[id];
    function.self += box.self;
    function.base_self += box.base_self;
    if (open_until[id] > at) continue;
    open_until[id] = box.end;
    function.total += box.total;
    function.base_total += box.base_total;
  }
  for (const Box& box : layout.boxes) {
    summary.processes += box.label != 0 && labels.all[box.label].kind == FrameKind::Process;
    summary.threads += box.label != 0 && labels.all[box.label].kind == FrameKind::Thread;
  }
  auto& all = functions.all;
  std::erase_if(all, [](const Function& f) { return is_group(f.kind) || (f.self == 0 && f.base_self == 0); });
  const auto heavier = [&](const Function& a, const Function& b) {
    const auto x = differential ? difference(a.self, a.base_self) : a.self;
    const auto y = differential ? difference(b.self, b.base_self) : b.self;
    return x != y ? x > y : a.name != b.name ? a.name < b.name : a.kind < b.kind;
  };
  const auto cut = all.begin() + static_cast<std::ptrdiff_t>(std::min(rows, all.size()));
  std::partial_sort(all.begin(), cut, all.end(), heavier);
  summary.top.assign(std::make_move_iterator(all.begin()), std::make_move_iterator(cut));
  return summary;
}

std::string amount(std::uint64_t weight, std::string_view unit) {
  if (unit == "nanoseconds") {
    const auto ns = static_cast<double>(weight);
    return weight >= 1000000000 ? fmt::format("{:.2f} s", ns / 1e9)
           : weight >= 1000000  ? fmt::format("{:.2f} ms", ns / 1e6)
                                : fmt::format("{:.2f} \u00b5s", ns / 1e3);
  }
  if (weight == 1 && unit == "samples") unit.remove_suffix(1);
  return grouped(weight) + " " + clean(unit);
}

std::string percent(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return "0 %";
  const double share = 100.0 * static_cast<double>(part) / static_cast<double>(whole);
  if (share > 0 && share < 0.1) return fmt::format("{:.2g} %", share);
  std::string out;
  append_fixed(out, share, 1);
  return out += " %";
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

#include "agent/modes/top_table.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "agent/guard/redact.hpp"

namespace sampan {
namespace {

constexpr const char* kBold = "\033[1m";
constexpr const char* kDim = "\033[2m";
constexpr const char* kReverse = "\033[7m";
constexpr const char* kPlain = "\033[0m";
constexpr std::size_t kBar = 10;
constexpr std::size_t kUnknown = ~std::size_t{0};

std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

// At most so many characters; `…` stands for what is cut from the front of paths and the end of all else.
std::string cut(std::string_view text, std::size_t columns) {
  if (width_of(text) <= columns) return std::string(text);
  std::string out;
  std::size_t width = 0;
  for (std::size_t i = 0; i < text.size() && columns > 0; ++i) {
    const bool begins = (static_cast<unsigned char>(text[i]) & 0xc0) != 0x80;
    if (begins && ++width > columns - 1) break;
    out += text[i];
  }
  return columns > 0 ? out + "…" : out;
}

std::string bar(double share) {
  const auto eighths = static_cast<std::size_t>(std::clamp(share, 0.0, 1.0) * kBar * 8 + 0.5);
  constexpr const char* kParts[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  std::string out;
  for (std::size_t i = 0; i < eighths / 8; ++i) out += "█";
  out += kParts[eighths % 8];
  for (std::size_t i = width_of(out); i < kBar; ++i) out += ' ';
  return out;
}

double share(std::uint64_t part, std::uint64_t whole) { return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole); }

// A function whatever its line; the file's last part says enough.
std::string name_of(const Frame& frame) {
  std::string name(frame.name);
  if (frame.file.empty()) return printable(name, 200);
  const auto slash = frame.file.rfind('/');
  return printable(name + " (" + std::string(frame.file.substr(slash == std::string_view::npos ? 0 : slash + 1)) + ")", 240);
}

bool is_root(const Frame& frame) { return is_group(frame.kind); }

void sort_rows(std::vector<TopRow>& rows, TopSort sort) {
  std::sort(rows.begin(), rows.end(), [&](const TopRow& a, const TopRow& b) {
    if (sort == TopSort::Self && a.self != b.self) return a.self > b.self;
    if (sort != TopSort::Name && a.total != b.total) return a.total > b.total;
    return a.function < b.function;
  });
}

std::string process_line(const TopWindow& window, std::size_t columns) {
  std::string line;
  for (const TopProcess& process : window.processes) {
    const std::string one = fmt::format("{} {} {:3.0f} %", process.pid, bar(share(process.self, window.samples)), 100 * share(process.self, window.samples));
    if (width_of(line) + width_of(one) + 3 > columns) return line;
    line += (line.empty() ? "" : "   ") + one;
  }
  return line;
}

}  // namespace

// By name: lines of one function are one row. Names of native code may come later, so those are asked for again.
std::size_t TopMeter::function_of(const Profile& profile, FrameId id) {
  const FrameId named = profile.named(id);
  if (by_frame_.size() <= named) by_frame_.resize(profile.frame_count(), kUnknown);
  std::size_t& known = by_frame_[named];
  if (known != kUnknown) return known;
  const auto [found, fresh] = by_name_.try_emplace(name_of(profile.frame(named)), functions_.size());
  if (fresh) functions_.push_back({found->first, 0, 0, 0, 0});
  return known = found->second;
}

TopWindow TopMeter::measure(const Profile& profile) {
  const auto totals = profile.totals();
  const auto nodes = profile.nodes();
  std::map<FrameId, std::uint64_t> processes;
  std::vector<std::size_t> of_node(nodes.size(), kUnknown);
  for (Function& function : functions_) function.new_self = function.new_total = 0;
  for (NodeId id = 1; id < nodes.size(); ++id) {
    const Frame& frame = profile.frame(nodes[id].frame);
    if (frame.kind == FrameKind::Process) processes[nodes[id].frame] += totals[id];
    if (is_root(frame)) continue;
    of_node[id] = function_of(profile, nodes[id].frame);
    Function& function = functions_[of_node[id]];
    function.new_self += nodes[id].self;
    NodeId up = nodes[id].parent;
    while (up != Profile::kRoot && of_node[up] != of_node[id]) up = nodes[up].parent;
    if (up == Profile::kRoot) function.new_total += totals[id];
  }
  TopWindow window;
  // Sums only grow, but for placeholders, whose weight moves to a name once that is known.
  const auto grown = [](std::uint64_t now, std::uint64_t then) { return now > then ? now - then : 0; };
  for (Function& f : functions_) {
    window.rows.push_back({f.name, grown(f.new_self, f.self), grown(f.new_total, f.total), f.new_self});
    window.samples += window.rows.back().self;
    f.self = f.new_self;
    f.total = f.new_total;
  }
  for (const auto& [id, weight] : processes) {
    const std::uint64_t self = weight - std::exchange(last_process_[id], weight);
    window.processes.push_back({std::string(profile.frame(id).name), static_cast<pid_t>(profile.frame(id).line), self});
  }
  std::stable_sort(window.processes.begin(), window.processes.end(), [](const auto& a, const auto& b) { return a.self > b.self; });
  return window;
}

std::vector<std::string> top_lines(const TopWindow& window, const TopView& view) {
  std::vector<std::string> lines;
  const auto styled = [&](const char* style, const std::string& text) { return view.color ? style + text + kPlain : text; };
  lines.push_back(styled(kBold, cut(view.title + "  " + view.status, view.columns)));
  lines.push_back(cut(process_line(window, view.columns), view.columns));
  const auto mark = [&](TopSort sort, const char* text) { return std::string(view.sort == sort ? "▾" : " ") + text; };
  std::string head = fmt::format("{:>8} {:>8} {:>9}  {:<10}  {}", mark(TopSort::Self, "self"), mark(TopSort::Total, "total"), "samples", "", mark(TopSort::Name, "function"));
  head += std::string(view.columns > width_of(head) ? view.columns - width_of(head) : 0, ' ');
  lines.push_back(styled(kReverse, cut(head, view.columns)));

  std::vector<TopRow> rows = window.rows;
  sort_rows(rows, view.sort);
  const std::size_t last = view.lines - (view.keys ? 1 : 0);
  for (const TopRow& row : rows) {
    if (lines.size() >= last) break;
    if (row.total == 0 && view.sort != TopSort::Name) continue;
    lines.push_back(cut(fmt::format("{:6.1f} % {:6.1f} % {:>9}  {}  {}", 100 * share(row.self, window.samples), 100 * share(row.total, window.samples),
                                    row.all_self, bar(share(row.self, window.samples)), row.function), view.columns));
  }
  if (view.keys) {
    while (lines.size() < last) lines.emplace_back();
    lines.push_back(styled(kDim, cut("q quit   space pause   s self   t total   n name   r reset", view.columns)));
  }
  return lines;
}

}  // namespace sampan

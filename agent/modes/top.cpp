#include "agent/modes/top.hpp"

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <tuple>

#include "agent/contract/counted.hpp"
#include "agent/modes/doctor.hpp"
#include "agent/modes/terminal_screen.hpp"
#include "agent/modes/top_table.hpp"
#include "agent/run/loop.hpp"
#include "agent/target/discovery.hpp"

namespace sampan {
namespace {

constexpr double kScreenEvery = 1;
constexpr double kTextEvery = 5;
constexpr unsigned kDay = 86'400;
constexpr std::size_t kTextLines = 20;

class Top {
 public:
  Top(const std::string& title, const Profile& profile, Progress& progress)
      : profile_(profile), progress_(progress), terminal_(progress.terminal()) {
    view_.title = title;
    view_.keys = view_.color = terminal_;
  }

  void begin() {
    if (terminal_) screen_ = std::make_unique<TerminalScreen>();
  }
  // False where the user has seen enough.
  bool look(const Moment& moment) {
    bool redraw = false;
    if (screen_) {
      for (char key = screen_->key(); key != 0; key = screen_->key()) {
        if (key == 'q' || key == 'Q') return false;
        redraw |= press(key, moment);
      }
      redraw |= TerminalScreen::size() != std::pair(view_.columns, view_.lines);
    }
    const bool due = moment.elapsed - measured_ >= (terminal_ ? kScreenEvery : kTextEvery);
    if (due && !paused_) measure(moment);
    if (redraw || (due && !paused_)) show(moment);
    return true;
  }
  void end() { screen_.reset(); }

 private:
  bool press(char key, const Moment& moment) {
    switch (key) {
      case ' ': case 'p': paused_ = !paused_; return true;
      case 's': view_.sort = TopSort::Self; return true;
      case 't': view_.sort = TopSort::Total; return true;
      case 'n': view_.sort = TopSort::Name; return true;
      case 'r': measure(moment); return true;
      default: return false;
    }
  }

  void measure(const Moment& moment) {
    moment.resolve();
    window_ = meter_.measure(profile_);
    window_seconds_ = moment.elapsed - measured_;
    measured_ = moment.elapsed;
  }

  void show(const Moment& moment) {
    view_.status = fmt::format("{} process{}  {:.0f} Hz  {:.0f} s{}", moment.processes, moment.processes == 1 ? "" : "es", moment.achieved_rate, moment.elapsed, paused_ ? "  PAUSED" : "");
    if (screen_) {
      std::tie(view_.columns, view_.lines) = TerminalScreen::size();
      return screen_->draw(top_lines(window_, view_));
    }
    view_.columns = 120;
    view_.lines = kTextLines;
    std::string text;
    for (const std::string& line : top_lines(window_, view_)) text += line + "\n";
    std::fputs(progress_.secrets().scrub(text + "\n").c_str(), stderr);
    tell(moment);
  }

  void tell(const Moment& moment) {
    auto rows = nlohmann::ordered_json::array();
    std::vector<TopRow> sorted = window_.rows;
    std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.self > b.self; });
    for (const TopRow& row : sorted) {
      if (row.total > 0 && rows.size() < kTextLines) rows.push_back({{"function", row.function}, {"self", row.self}, {"total", row.total}});
    }
    progress_.event("top", {{"elapsed", moment.elapsed}, {"window_seconds", window_seconds_}, {"samples", window_.samples}, {"functions", rows}});
  }

  const Profile& profile_;
  Progress& progress_;
  const bool terminal_;
  TopView view_;
  TopMeter meter_;
  TopWindow window_;
  std::unique_ptr<TerminalScreen> screen_;
  double measured_ = 0, window_seconds_ = 0;
  bool paused_ = false;
};

}  // namespace

RunResult run_top(const TargetKeys& keys, SamplingOptions sampling, const std::string& title, Progress& progress) {
  sampling.lines = false;        // a function is one row; the tree stays small
  sampling.by_process = true;
  sampling.above.clear();
  if (sampling.endless) sampling.seconds = kDay;
  auto discovery = Discovery::open(keys);
  if (!discovery) return failed(discovery.error());

  Profile profile;
  Top top(title, profile, progress);
  RunObserver watch;
  watch.begin = [&](std::size_t processes, const std::string& tiers) {
    progress.stage("sample", fmt::format("looking at {} at {} Hz by {}", counted(processes, "process", "processes"), sampling.rate, tiers));
    top.begin();
  };
  watch.tick = [&](const Moment& moment) { return top.look(moment); };
  auto sampled = sample(sampling, *discovery, profile, watch);
  top.end();
  if (!sampled) return failed(explained(sampled.error(), keys));
  RunResult outcome;
  outcome.samples = profile.total();
  outcome.sentence = fmt::format("{} seen in {:.0f} s", counted(outcome.samples, "sample", "samples"), sampled->seconds);
  outcome.sampled = std::move(*sampled);
  return outcome;
}

}  // namespace sampan

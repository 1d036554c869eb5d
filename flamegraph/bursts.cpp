#include "flamegraph/bursts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "flamegraph/label.hpp"
#include "flamegraph/text.hpp"

namespace sampan {
namespace {

constexpr std::size_t kBins = 240, kMostFunctions = 2000;
constexpr double kLeastSamples = 20, kLeastShare = 0.1, kTimesUsual = 3, kLeastOfItsOwn = 1.0 / 3, kChance = 1e-6, kMadeOf = 1.0 / 3;

constexpr std::size_t kLengths[] = {60, 48, 40, 32, 24, 20, 16, 12, 10, 8, 6, 5, 4, 3, 2, 1};   // of windows, in bins

struct Function {
  FrameId frame = 0;         // one of its frames: says its name
  double total = 0;
  double in_runs = 0, squares = 0;   // samples, and the sum of its runs' squared lengths
  std::size_t row = SIZE_MAX;        // of Counts::bins; SIZE_MAX: too rare or too common to stand out
  void end_run(double length) { in_runs += length, squares += length * length; }
};

// All samples by bin, and those of each function that may stand out.
struct Counts {
  std::vector<Function> functions;
  std::vector<std::uint32_t> of_sample;   // its function, lane after lane
  std::vector<double> all = std::vector<double>(kBins), bins;
  double bin_ns = 0, total = 0;
  std::span<const double> row(const Function& f) const { return {bins.data() + f.row * kBins, kBins}; }
};

struct Key {
  std::string_view name, file;
  FrameKind kind;
  bool operator==(const Key&) const = default;
};
struct KeyHash {
  std::size_t operator()(const Key& key) const {
    const std::hash<std::string_view> hash;
    return hash(key.name) * 31 + hash(key.file) * 7 + static_cast<std::size_t>(key.kind);
  }
};

// Which function each sample ends in, and how long its runs are.
void name_samples(const Profile& profile, Counts& counts) {
  constexpr std::uint32_t kNotYet = UINT32_MAX;
  std::unordered_map<Key, std::uint32_t, KeyHash> known;
  std::vector<std::uint32_t> of_frame(profile.frame_count(), kNotYet);
  const auto nodes = profile.nodes();
  const auto function_at = [&](FrameId id) {
    if (of_frame[id] != kNotYet) return of_frame[id];
    const Frame& frame = profile.frame(id);
    const auto [at, first] = known.try_emplace({frame.name, frame.file, frame.kind}, static_cast<std::uint32_t>(counts.functions.size()));
    if (first) counts.functions.push_back({id});
    return of_frame[id] = at->second;
  };
  counts.of_sample.reserve(profile.moments.size());
  for (const Lane& lane : profile.moments.lanes()) {
    std::uint32_t before = kNotYet;
    double run = 0;
    for (std::size_t i = 0; i < lane.moments.size(); ++i) {
      const std::uint32_t f = function_at(nodes[lane.moments[i].node].frame);
      counts.of_sample.push_back(f);
      counts.functions[f].total += lane.weight(i);
      if (f != before && run > 0) counts.functions[before].end_run(std::exchange(run, 0));
      before = f;
      ++run;
    }
    if (run > 0) counts.functions[before].end_run(run);
  }
}

Counts count(const Profile& profile) {
  Counts counts;
  const Moments& moments = profile.moments;
  counts.bin_ns = std::max(static_cast<double>(std::max(moments.end_ns(), profile.description.duration_ns)) / static_cast<double>(kBins), 1.0);
  name_samples(profile, counts);
  for (const Function& f : counts.functions) counts.total += f.total;
  const double least = kLeastSamples * counts.total / static_cast<double>(moments.size());
  std::size_t rows = 0;
  for (Function& f : counts.functions) {
    if (rows < kMostFunctions && f.total >= least && f.total * kTimesUsual <= counts.total) f.row = rows++;
  }
  counts.bins.resize(rows * kBins);
  const double ticks = static_cast<double>(moments.tick_ns()) / counts.bin_ns;
  const std::uint32_t* f = counts.of_sample.data();
  for (const Lane& lane : moments.lanes()) {
    for (std::size_t i = 0; i < lane.moments.size(); ++i, ++f) {
      const auto bin = std::min(static_cast<std::size_t>(lane.moments[i].at * ticks), kBins - 1);
      const double weight = lane.weight(i);
      counts.all[bin] += weight;
      if (const std::size_t row = counts.functions[*f].row; row != SIZE_MAX) counts.bins[row * kBins + bin] += weight;
    }
  }
  return counts;
}

double divergence(double q, double p) {
  return (q > 0 ? q * std::log(q / p) : 0) + (q < 1 ? (1 - q) * std::log((1 - q) / (1 - p)) : 0);
}

std::vector<double> running(std::span<const double> bins) {
  std::vector<double> sums(bins.size() + 1);
  for (std::size_t i = 0; i < bins.size(); ++i) sums[i + 1] = sums[i] + bins[i];
  return sums;
}

struct Found {
  double score = 0, share = 0;
  std::size_t from = 0, to = 0;
};

// The window that is least likely for a function, beside those that were found; of one bin to a quarter of all.
Found clearest(const std::vector<double>& own, const std::vector<double>& all, double usual, double unit, const std::vector<Found>& beside) {
  Found best;
  const double least = std::max(kLeastOfItsOwn * own.back(), unit * kLeastSamples);
  for (const std::size_t length : kLengths) {
    bool enough = false;
    for (std::size_t from = 0; from + length <= kBins; ++from) {
      const double k = own[from + length] - own[from], n = all[from + length] - all[from];
      if (k < least) continue;
      enough = true;
      if (std::any_of(beside.begin(), beside.end(), [&](const Found& other) { return from < other.to && other.from < from + length; })) continue;
      const double q = k / n;
      if (q < kLeastShare || q < kTimesUsual * usual) continue;
      const double score = n / unit * divergence(q, usual);
      if (score > best.score) best = {score, q, from, from + length};
    }
    if (!enough) break;   // shorter ones hold less
  }
  return best;
}

// How many samples belong together in such a program: the mean run of the other functions, by length, without those that the
// program is made of. Samples count as independent in so many.
class UsualRun {
 public:
  explicit UsualRun(const Counts& counts) : total_(counts.total) {
    for (const Function& f : counts.functions) {
      if (makes_up(f)) continue;
      squares_ += f.squares;
      samples_ += f.in_runs;
    }
  }
  double beside(const Function& f) const {
    const double squares = squares_ - (makes_up(f) ? 0 : f.squares), samples = samples_ - (makes_up(f) ? 0 : f.in_runs);
    return samples > 0 ? std::max(1.0, squares / samples) : 1;
  }

 private:
  bool makes_up(const Function& f) const { return f.total > kMadeOf * total_; }
  double total_, squares_ = 0, samples_ = 0;
};

}  // namespace

std::vector<Burst> bursts(const Profile& profile, std::size_t most) {
  if (!profile.moments.any() || profile.description.differential) return {};
  const Counts counts = count(profile);
  const std::vector<double> all = running(counts.all);
  // Time-weighed samples count as so many of the mean weight.
  const double unit = all.back() / static_cast<double>(profile.moments.size());
  std::vector<std::pair<Found, const Function*>> found;
  const double tests = static_cast<double>(std::min(counts.functions.size(), kMostFunctions)) * kBins * 20;
  const UsualRun usual_run(counts);
  for (const Function& function : counts.functions) {
    if (function.row == SIZE_MAX) continue;
    const std::vector<double> own = running(counts.row(function));
    const double least = usual_run.beside(function) * std::log(tests / kChance), usual = function.total / all.back();
    std::vector<Found> its;
    for (Found best = clearest(own, all, usual, unit, its); best.score > least; best = clearest(own, all, usual, unit, its)) {
      its.push_back(best);
      found.emplace_back(best, &function);
    }
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first.score > b.first.score; });
  std::vector<Burst> out;
  for (const auto& [window, f] : found) {
    const auto from = static_cast<std::uint64_t>(static_cast<double>(window.from) * counts.bin_ns), to = static_cast<std::uint64_t>(static_cast<double>(window.to) * counts.bin_ns);
    const auto overlaps = [&](const Burst& other) { return from < other.to_ns && other.from_ns < to; };
    if (out.size() >= most || std::any_of(out.begin(), out.end(), overlaps)) continue;
    const Frame& frame = profile.frame(f->frame);   // in a sentence, the name alone
    out.push_back({from, to, frame.name.empty() ? frame_label(frame) : std::string(frame.name), window.share, f->total / all.back()});
  }
  std::sort(out.begin(), out.end(), [](const Burst& a, const Burst& b) { return a.from_ns < b.from_ns; });
  return out;
}

std::string burst_sentence(const Burst& burst) {
  return fmt::format("{:.3g}\u2013{:.3g} s: {:.0f} % {}, {:.2g} times its usual share", static_cast<double>(burst.from_ns) / 1e9, static_cast<double>(burst.to_ns) / 1e9,
                     100 * burst.share, shorten(clean(burst.function), 60), burst.share / burst.usual);
}

}  // namespace sampan

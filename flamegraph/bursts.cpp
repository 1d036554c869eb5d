#include "flamegraph/bursts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <utility>

#include "flamegraph/label.hpp"
#include "flamegraph/text.hpp"

namespace sampan {
namespace {

constexpr std::size_t kBins = 240, kMostFunctions = 2000;
constexpr double kLeastSamples = 20, kLeastShare = 0.1, kTimesUsual = 3, kLeastOfItsOwn = 1.0 / 3, kChance = 1e-6, kMadeOf = 1.0 / 3;

constexpr std::size_t kLengths[] = {60, 48, 40, 32, 24, 20, 16, 12, 10, 8, 6, 5, 4, 3, 2, 1};   // of windows, in bins

struct Series {
  std::vector<double> bins = std::vector<double>(kBins);
  double total = 0;
  double in_runs = 0, squares = 0;   // samples, and the sum of its runs' squared lengths
  void end_run(double length) { in_runs += length, squares += length * length; }
};

// All samples by bin, and those of each function that ends a stack.
struct Counts {
  std::vector<std::string> names;
  std::vector<Series> functions;
  std::vector<double> all = std::vector<double>(kBins);
  double bin_ns = 0;
};

Counts count(const Profile& profile) {
  Counts counts;
  const Moments& moments = profile.moments;
  counts.bin_ns = std::max(static_cast<double>(std::max(moments.end_ns(), profile.description.duration_ns)) / static_cast<double>(kBins), 1.0);
  std::unordered_map<std::string, std::uint32_t> known;
  constexpr std::uint32_t kNotYet = UINT32_MAX;
  std::vector<std::uint32_t> of_frame(profile.frame_count(), kNotYet);
  std::string scratch;
  const auto function_at = [&](NodeId node) {
    const FrameId frame = profile.nodes()[node].frame;
    if (of_frame[frame] != kNotYet) return of_frame[frame];
    const std::string label = frame_label(profile.frame(frame));
    const auto [id, first] = known.try_emplace(std::string(function_of(label, scratch)), static_cast<std::uint32_t>(counts.names.size()));
    // In a sentence, the name alone.
    if (first) counts.names.emplace_back(profile.frame(frame).name.empty() ? id->first : profile.frame(frame).name), counts.functions.emplace_back();
    return of_frame[frame] = id->second;
  };
  const double ticks = static_cast<double>(moments.tick_ns()) / counts.bin_ns;
  for (const Lane& lane : moments.lanes()) {
    std::size_t before = SIZE_MAX;
    double run = 0;
    for (std::size_t i = 0; i < lane.moments.size(); ++i) {
      const std::uint32_t f = function_at(lane.moments[i].node);
      const auto bin = std::min(static_cast<std::size_t>(lane.moments[i].at * ticks), kBins - 1);
      const double weight = lane.weight(i);
      counts.functions[f].bins[bin] += weight;
      counts.functions[f].total += weight;
      counts.all[bin] += weight;
      if (f != before && run > 0) counts.functions[before].end_run(std::exchange(run, 0));
      before = f;
      ++run;
    }
    if (run > 0) counts.functions[before].end_run(run);
  }
  return counts;
}

double divergence(double q, double p) {
  return (q > 0 ? q * std::log(q / p) : 0) + (q < 1 ? (1 - q) * std::log((1 - q) / (1 - p)) : 0);
}

std::vector<double> running(const std::vector<double>& bins) {
  std::vector<double> sums(bins.size() + 1);
  for (std::size_t i = 0; i < bins.size(); ++i) sums[i + 1] = sums[i] + bins[i];
  return sums;
}

struct Found {
  double score = 0, share = 0;
  std::size_t from = 0, to = 0;
};

// The window that is least likely for a function, beside those that were found; of one bin to a quarter of all.
Found clearest(const Series& function, const std::vector<double>& all, double usual, double unit, const std::vector<Found>& beside) {
  const std::vector<double> own = running(function.bins);
  Found best;
  const double least = std::max(kLeastOfItsOwn * function.total, unit * kLeastSamples);
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
double usual_run(const Counts& counts, std::size_t but, double all) {
  double squares = 0, samples = 0;
  for (std::size_t f = 0; f < counts.functions.size(); ++f) {
    if (f == but || counts.functions[f].total > kMadeOf * all) continue;
    squares += counts.functions[f].squares;
    samples += counts.functions[f].in_runs;
  }
  return samples > 0 ? std::max(1.0, squares / samples) : 1;
}

}  // namespace

std::vector<Burst> bursts(const Profile& profile, std::size_t most) {
  if (!profile.moments.any() || profile.description.differential) return {};
  const Counts counts = count(profile);
  const std::vector<double> all = running(counts.all);
  // Time-weighed samples count as so many of the mean weight.
  const double unit = all.back() / static_cast<double>(profile.moments.size());
  std::vector<std::pair<Found, std::size_t>> found;
  const double tests = static_cast<double>(std::min(counts.functions.size(), kMostFunctions)) * kBins * 20;
  for (std::size_t f = 0; f < counts.functions.size() && f < kMostFunctions; ++f) {
    const Series& function = counts.functions[f];
    if (function.total < unit * kLeastSamples || function.total * kTimesUsual > all.back()) continue;
    const double least = usual_run(counts, f, all.back()) * std::log(tests / kChance);
    std::vector<Found> its;
    for (Found best = clearest(function, all, function.total / all.back(), unit, its); best.score > least;
         best = clearest(function, all, function.total / all.back(), unit, its)) {
      its.push_back(best);
      found.emplace_back(best, f);
    }
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first.score > b.first.score; });
  std::vector<Burst> out;
  for (const auto& [window, f] : found) {
    const auto from = static_cast<std::uint64_t>(static_cast<double>(window.from) * counts.bin_ns), to = static_cast<std::uint64_t>(static_cast<double>(window.to) * counts.bin_ns);
    const auto overlaps = [&](const Burst& other) { return from < other.to_ns && other.from_ns < to; };
    if (out.size() >= most || std::any_of(out.begin(), out.end(), overlaps)) continue;
    out.push_back({from, to, counts.names[f], window.share, counts.functions[f].total / all.back()});
  }
  std::sort(out.begin(), out.end(), [](const Burst& a, const Burst& b) { return a.from_ns < b.from_ns; });
  return out;
}

std::string burst_sentence(const Burst& burst) {
  return fmt::format("{:.3g}\u2013{:.3g} s: {:.0f} % {}, {:.2g} times its usual share", static_cast<double>(burst.from_ns) / 1e9, static_cast<double>(burst.to_ns) / 1e9,
                     100 * burst.share, shorten(clean(burst.function), 60), burst.share / burst.usual);
}

}  // namespace sampan

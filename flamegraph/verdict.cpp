#include "flamegraph/verdict.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>
#include <utility>

#include "flamegraph/label.hpp"

namespace sampan {
namespace {

constexpr std::size_t kSlices = 32;              // of one profile's time
constexpr std::size_t kLeastBlocks = 8;          // of a side, for a variance of its own
constexpr double kLeastSamples = 20;
constexpr double kFalseDiscoveries = 0.03;   // in fact at most 5 %, as far as variances told by few blocks go
constexpr double kOfChance = 1.959964;           // standard errors, of a 95 % interval
// Blocks that happen to agree do not prove more than this part of what independent samples would vary.
constexpr double kLeastVariance = 0.5;

using FunctionId = std::uint32_t;

class Functions {
 public:
  FunctionId of(const Frame& frame) {
    const auto [found, fresh] = ids_.try_emplace({frame.kind, std::string(frame.name), std::string(frame.file)}, static_cast<FunctionId>(ids_.size()));
    if (fresh) all_.push_back(&found->first);
    return found->second;
  }
  std::size_t size() const { return all_.size(); }
  const std::string& name(FunctionId id) const { return std::get<1>(*all_[id]); }
  const std::string& file(FunctionId id) const { return std::get<2>(*all_[id]); }
  FrameKind kind(FunctionId id) const { return std::get<0>(*all_[id]); }

 private:
  using Key = std::tuple<FrameKind, std::string, std::string>;
  std::map<Key, FunctionId> ids_;
  std::vector<const Key*> all_;
};

struct Count {
  double self = 0, total = 0;
};
struct Block {
  double weight = 0;
  std::map<FunctionId, Count> counts;
};

// One side: all weights in blocks of time.
class Side {
 public:
  Side(std::span<const Profile> profiles, Functions& functions) : functions_(functions) {
    for (const Profile& profile : profiles) add(profile);
    std::erase_if(blocks_, [](const Block& b) { return b.weight == 0; });
    for (const Block& block : blocks_) weight_ += block.weight;
  }

  std::size_t blocks() const { return by_blocks() ? blocks_.size() : 1; }
  double degrees() const { return by_blocks() ? static_cast<double>(blocks_.size() - 1) : 1e6; }
  double samples(double share) const { return share * weight_ / sample_weight_; }

  double share(FunctionId id, double Count::*of) const {
    double sum = 0;
    for (const Block& block : blocks_) sum += in(block, id, of);
    return weight_ == 0 ? 0 : sum / weight_;
  }

  // Of that share: of a ratio whose parts are summed over blocks.
  double variance(FunctionId id, double Count::*of, double share) const {
    const double independent = share * (1 - share) * sample_weight_ / std::max(weight_, 1.0);
    if (!by_blocks()) return independent;
    double sum = 0;
    for (const Block& block : blocks_) {
      const double apart = in(block, id, of) - share * block.weight;
      sum += apart * apart;
    }
    const auto n = static_cast<double>(blocks_.size());
    return std::max(sum * n / (n - 1) / (weight_ * weight_), kLeastVariance * independent);
  }

 private:
  bool by_blocks() const { return blocks_.size() >= kLeastBlocks; }
  static double in(const Block& block, FunctionId id, double Count::*of) {
    const auto found = block.counts.find(id);
    return found == block.counts.end() ? 0 : found->second.*of;
  }

  void add(const Profile& profile) {
    functions_of_nodes(profile);
    const std::size_t first = blocks_.size();
    const auto nodes = profile.nodes();
    if (profile.description.unit == "nanoseconds" && profile.description.rate > 0) sample_weight_ = 1e9 / profile.description.rate;
    if (!profile.moments.any()) {
      blocks_.emplace_back();
      for (NodeId id = 1; id < nodes.size(); ++id) add(blocks_.back(), profile, id, static_cast<double>(nodes[id].self));
      return;
    }
    blocks_.resize(first + kSlices);
    const std::uint64_t end = std::max<std::uint64_t>(1, std::max(profile.moments.end_ns(), profile.description.duration_ns));
    const double unit = profile.description.unit == "nanoseconds" ? 1000 : 1;
    for (const Lane& lane : profile.moments.lanes()) {
      for (std::size_t i = 0; i < lane.moments.size(); ++i) {
        const std::uint64_t at = lane.moments[i].at * profile.moments.tick_ns();
        const auto slice = std::min<std::size_t>(kSlices - 1, static_cast<std::size_t>(static_cast<double>(at) * kSlices / static_cast<double>(end)));
        add(blocks_[first + slice], profile, lane.moments[i].node, lane.weight(i) * unit);
      }
    }
  }

  void functions_of_nodes(const Profile& profile) {
    function_.assign(profile.frame_count(), 0);
    for (FrameId id = 1; id < profile.frame_count(); ++id) function_[id] = functions_.of(profile.frame(id));
  }

  void add(Block& block, const Profile& profile, NodeId node, double weight) {
    if (weight == 0 || node == Profile::kRoot) return;
    stack_.clear();
    profile.stack(node, stack_);
    seen_.clear();
    for (const FrameId frame : stack_) {
      if (!is_group(profile.frame(frame).kind)) seen_.push_back(function_[frame]);
    }
    if (seen_.empty()) return;
    block.weight += weight;
    block.counts[seen_.back()].self += weight;
    std::sort(seen_.begin(), seen_.end());
    seen_.erase(std::unique(seen_.begin(), seen_.end()), seen_.end());
    for (const FunctionId id : seen_) block.counts[id].total += weight;
  }

  Functions& functions_;
  std::vector<Block> blocks_;
  std::vector<FunctionId> function_;   // by frame, of the profile under way
  std::vector<FrameId> stack_;
  std::vector<FunctionId> seen_;
  double weight_ = 0, sample_weight_ = 1;
};

// How likely chance alone makes `t`, either way, where the variance has so many degrees of freedom (Wallace 1959).
double chance_of(double t, double degrees) {
  const double z = std::sqrt(degrees * std::log1p(t * t / degrees)) * (1 - 3 / (4 * std::max(degrees, 3.0)));
  return std::erfc(z / std::sqrt(2.0));
}

struct Difference {
  double error = 0, chance = 1;
};

Difference compare(const Side& before, const Side& after, FunctionId id, double Count::*of, double b, double a) {
  const double vb = before.variance(id, of, b), va = after.variance(id, of, a);
  const double error = std::sqrt(vb + va);
  if (error == 0) return {};
  // Welch and Satterthwaite's degrees of freedom.
  const double degrees = (vb + va) * (vb + va) / (vb * vb / before.degrees() + va * va / after.degrees());
  return {error, chance_of((a - b) / error, degrees)};
}

// Benjamini and Hochberg: of so many tests, which hold at this rate of false discoveries.
double threshold(std::vector<double> chances) {
  std::sort(chances.begin(), chances.end());
  double last = -1;
  for (std::size_t i = 0; i < chances.size(); ++i) {
    if (chances[i] <= kFalseDiscoveries * static_cast<double>(i + 1) / static_cast<double>(chances.size())) last = chances[i];
  }
  return last;
}

}  // namespace

DiffVerdict judge(std::span<const Profile> before, std::span<const Profile> after) {
  Functions functions;
  const Side b(before, functions), a(after, functions);
  DiffVerdict verdict;
  verdict.blocks_before = b.blocks();
  verdict.blocks_after = a.blocks();
  std::vector<double> chances;
  std::vector<std::pair<double, double>> of_change;   // of each, self's and total's chance; over 1: not judged
  for (FunctionId id = 0; id < functions.size(); ++id) {
    FunctionChange c{functions.name(id), functions.kind(id), functions.file(id), b.share(id, &Count::self), a.share(id, &Count::self), b.share(id, &Count::total), a.share(id, &Count::total)};
    if (b.samples(c.total_before) + a.samples(c.total_after) < kLeastSamples) continue;
    const Difference self = compare(b, a, id, &Count::self, c.self_before, c.self_after);
    const Difference total = compare(b, a, id, &Count::total, c.total_before, c.total_after);
    c.low = c.self_after - c.self_before - kOfChance * self.error;
    c.high = c.self_after - c.self_before + kOfChance * self.error;
    const bool judged = b.samples(c.self_before) + a.samples(c.self_after) >= kLeastSamples;
    of_change.emplace_back(judged ? self.chance : 2, total.chance);
    if (judged) chances.push_back(self.chance);
    chances.push_back(total.chance);
    verdict.changes.push_back(std::move(c));
  }
  const double most = threshold(std::move(chances));
  for (std::size_t i = 0; i < of_change.size(); ++i) {
    FunctionChange& c = verdict.changes[i];
    c.self_changed = of_change[i].first <= most;
    c.total_changed = of_change[i].second <= most;
    verdict.changed += c.self_changed || c.total_changed;
  }
  std::stable_sort(verdict.changes.begin(), verdict.changes.end(), [](const FunctionChange& x, const FunctionChange& y) {
    const auto rank = [](const FunctionChange& c) { return std::pair(c.self_changed || c.total_changed, c.self_changed ? std::abs(c.self_after - c.self_before) : 0); };
    return rank(x) > rank(y);
  });
  return verdict;
}

std::vector<std::string> changed_labels(const DiffVerdict& verdict) {
  std::vector<std::string> labels;
  for (const FunctionChange& c : verdict.changes) {
    if (c.self_changed || c.total_changed) labels.push_back(frame_label({c.kind, c.name, c.file}));
  }
  std::sort(labels.begin(), labels.end());
  labels.erase(std::unique(labels.begin(), labels.end()), labels.end());
  return labels;
}

}  // namespace sampan

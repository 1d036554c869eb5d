#include "agent/run/series.hpp"

#include <unistd.h>

#include <algorithm>
#include <deque>

#include "agent/contract/clock.hpp"
#include "agent/run/budget.hpp"
#include "agent/run/signals.hpp"

namespace sampan {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::size_t kMostKept = 96;                     // profiles of a series that stay in output_dir
constexpr std::uint64_t kMostKeptBytes = 512ULL << 20;

struct Kept {
  std::vector<std::string> paths;
  std::uint64_t bytes = 0;
};

// The files of one profile after another; the oldest go where there are too many.
class Shelf {
 public:
  void put(const RunResult& outcome) {
    Kept kept;
    for (const Artifact& file : outcome.files) {
      if (file.path.empty()) continue;
      kept.paths.push_back(file.path);
      kept.bytes += file.bytes.size();
    }
    bytes_ += kept.bytes;
    profiles_.push_back(std::move(kept));
    while (profiles_.size() > 1 && (profiles_.size() > kMostKept || bytes_ > kMostKeptBytes)) drop_oldest();
  }

 private:
  void drop_oldest() {
    for (const std::string& path : profiles_.front().paths) ::unlink(path.c_str());
    bytes_ -= profiles_.front().bytes;
    profiles_.pop_front();
  }
  std::deque<Kept> profiles_;
  std::uint64_t bytes_ = 0;
};

bool deterministic(Exit code) {
  return code == Exit::BadParams || code == Exit::NotPermitted || code == Exit::CannotSample || code == Exit::DeliveryRefused;
}

// A series of recordings ends with the first that nothing made.
bool goes_on(const SeriesOptions& options, const RunResult& outcome) {
  return options.every > 0 || (options.count != 1 && outcome.sampled.fired.any());
}

// What every destination has need not stay here.
void remove_delivered(const RunResult& outcome) {
  if (outcome.deliveries.empty()) return;
  for (const Artifact& file : outcome.files) {
    const bool everywhere = std::all_of(outcome.deliveries.begin(), outcome.deliveries.end(),
                                        [&](const auto& report) { return report.file != file.name || report.delivered; });
    if (everywhere && !file.path.empty()) ::unlink(file.path.c_str());
  }
}

// Waits for the time after `due`. Where that is past (`every` may be no longer than a profile takes) the next profile begins
// at once; times before it are skipped, not caught up.
std::uint64_t wait_for_next(std::uint64_t due, std::uint64_t every) {
  const std::uint64_t now = monotonic_ns();
  const std::uint64_t next = due + std::max<std::uint64_t>(1, (now - due) / every) * every;
  while (monotonic_ns() < next && signals_seen() == 0) sleep_until(std::min(next, monotonic_ns() + kSecond / 5));
  return next;
}

}  // namespace

Exit run_series(const SeriesOptions& options, Progress& progress, const std::function<RunResult()>& once) {
  std::uint64_t due = monotonic_ns();
  Shelf shelf;
  Exit last = Exit::Delivered;
  for (unsigned done = 0; options.count == 0 || done < options.count; ++done) {
    if (done > 0) return_freed_memory();
    if (done > 0 && options.every > 0) due = wait_for_next(due, options.every * kSecond);
    if (done > 0 && signals_seen() > 0) break;
    const RunResult outcome = once();
    progress.result(outcome);
    if (outcome.code != Exit::Delivered) last = outcome.code;
    if (deterministic(outcome.code) || !goes_on(options, outcome)) break;
    remove_delivered(outcome);
    shelf.put(outcome);
    if (signals_seen() > 0) break;
  }
  return last;
}

}  // namespace sampan

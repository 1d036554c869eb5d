#include "samplers/java/code_survey.hpp"

#include <algorithm>

namespace sampan::java {
namespace {

constexpr std::uint64_t kMillisecond = 1'000'000;
constexpr std::uint64_t kLookEvery = 20 * kMillisecond, kSurveyEvery = 100 * kMillisecond;
constexpr std::uint64_t kKeptEvery = 400 * kMillisecond;
constexpr std::uint64_t kSurveyShare = 200;        // of the time, at most one part in so many is spent on surveys
constexpr std::byte kFree{0xff}, kFirst{0};
constexpr std::size_t kWindow = 4096;
constexpr std::uint64_t kMostSegments = std::uint64_t{1} << 24;
constexpr std::size_t kMostBlobs = 1 << 18;

}  // namespace

void CodeSurvey::look(std::span<const CodeHeap> heaps, std::uint64_t now) {
  if (now < next_look_) return;
  next_look_ = now + kLookEvery;
  const std::size_t count = std::min(heaps.size(), ends_.size());
  for (std::size_t i = 0; i < count; ++i) {
    const bool known = ends_[i].first >= heaps[i].low && ends_[i].first <= heaps[i].most;
    ends_[i] = {end_of_use(heaps[i], known ? ends_[i].first : heaps[i].low), heaps[i].most};
  }
  ends_before_.add(now, ends_);
  if (now < next_survey_) return;
  next_.blobs.clear();
  next_.time = now_ns();
  for (std::size_t i = 0; i < count; ++i) list_starts(heaps[i], ends_[i].first);
  take_ids();
  const std::uint64_t done = now_ns();
  next_survey_ = done + std::max(kSurveyEvery, (done - now) * kSurveyShare);
}

// The VM fills a heap upwards and seldom gives its end back: the first free tag at or above what was used before.
std::uint64_t CodeSurvey::end_of_use(const CodeHeap& heap, std::uint64_t from) {
  std::array<std::byte, kWindow> tags;
  std::uint64_t index = (from - heap.low) >> heap.shift;
  const std::uint64_t most = std::min((heap.most - heap.low) >> heap.shift, kMostSegments);
  while (index < most) {
    const std::uint64_t in_page = kWindow - (heap.segmap + index) % kWindow;   // what lies behind may not be mapped yet
    const auto window = std::span(tags).first(std::min(in_page, most - index));
    if (!memory_.read(heap.segmap + index, window)) {
      if (index == 0) return heap.most;   // no map at all tells nothing
      break;
    }
    const auto found = std::find(window.begin(), window.end(), kFree);
    index += static_cast<std::uint64_t>(found - window.begin());
    if (found != window.end()) break;
  }
  return heap.low + (index << heap.shift);
}

void CodeSurvey::list_starts(const CodeHeap& heap, std::uint64_t end) {
  shift_ = heap.shift;
  std::vector<std::byte> tags(std::min((end - heap.low) >> heap.shift, kMostSegments));
  if (tags.empty() || !memory_.read(heap.segmap, tags)) return;
  for (std::size_t i = 0; i < tags.size() && next_.blobs.size() < kMostBlobs; ++i) {
    if (tags[i] == kFirst) next_.blobs.push_back({heap.low + (std::uint64_t{i} << heap.shift) + layout_.block_size});
  }
}

void CodeSurvey::take_ids() {
  std::vector<Read> reads;
  reads.reserve(next_.blobs.size() * 2);
  for (Known& known : next_.blobs) {
    reads.push_back({known.start - layout_.block_size, std::as_writable_bytes(std::span(known.header))});
    reads.push_back({known.start + static_cast<std::uint64_t>(layout_.compile_id), std::as_writable_bytes(std::span(&known.id, 1))});
  }
  memory_.read_each(reads);
  const std::uint64_t now = now_ns();
  std::sort(next_.blobs.begin(), next_.blobs.end(), [](const Known& a, const Known& b) { return a.start < b.start; });
  for (auto old = now_.blobs.begin(); Known& known : next_.blobs) {
    while (old != now_.blobs.end() && old->start < known.start) ++old;
    known.since = old != now_.blobs.end() && old->start == known.start && old->id == known.id ? old->since : now;
  }
  if (before_.blobs.empty() || now_.time - before_.time >= kKeptEvery) std::swap(before_, now_);
  std::swap(now_, next_);
}

const CodeSurvey::Known* CodeSurvey::holding(const Survey& survey, std::uint64_t start) {
  const auto after = std::upper_bound(survey.blobs.begin(), survey.blobs.end(), start, [](std::uint64_t s, const Known& k) { return s < k.start; });
  return after == survey.blobs.begin() ? nullptr : &*std::prev(after);
}

std::optional<std::uint64_t> CodeSurvey::was_free(std::uint64_t start, std::uint64_t end, std::uint64_t time) const {
  if (layout_.block_used != 8 || layout_.block_size != 16) return {};   // HeapBlock: share/memory/heap.hpp
  for (const Survey* survey : {&now_, &before_}) {
    if (survey->time > time) continue;
    const Known* block = holding(*survey, start);
    const bool free = block && (block->header[1] & 0xff) == 0 && block->header[0] < kMostSegments &&
                      block->start - layout_.block_size + (block->header[0] << shift_) >= end;
    return free ? std::optional(survey->time) : std::nullopt;
  }
  return {};
}

bool CodeSurvey::was_there(std::uint64_t start, std::uint32_t compile_id, std::uint64_t time) const {
  const Known* known = holding(now_, start);
  if (known && known->start == start && known->id == compile_id && known->since <= time) return true;
  const Ends* ends = ends_before_.at(time);
  return ends && std::any_of(ends->begin(), ends->end(), [start](const auto& heap) { return start >= heap.first && start < heap.second; });
}

}  // namespace sampan::java

#include "samplers/java/code_survey.hpp"

#include <algorithm>
#include <utility>

namespace sampan::java {
namespace {

constexpr std::uint64_t kMillisecond = 1'000'000;
constexpr std::uint64_t kLookEvery = 20 * kMillisecond, kSurveyEvery = 100 * kMillisecond;
constexpr std::uint64_t kKeptEvery = 400 * kMillisecond;
constexpr std::uint64_t kFreeFor = 500 * kMillisecond;   // what was put into a free place so long ago is there still
constexpr std::uint64_t kSurveyShare = 200, kSoonShare = 50;   // of the time, at most one part in so many is spent on surveys
constexpr std::byte kFree{0xff}, kFirst{0};
constexpr std::size_t kWindow = 4096;
constexpr std::uint64_t kMostSegments = std::uint64_t{1} << 24;
constexpr std::size_t kMostBlobs = 1 << 18;
constexpr std::size_t kAtOnce = 64;

}  // namespace

void CodeSurvey::look(std::span<const CodeHeap> heaps, std::uint64_t now) {
  if (now < next_look_) return;
  next_look_ = now + kLookEvery;
  heaps = heaps.first(std::min(heaps.size(), ends_.size()));
  const Ends last = std::exchange(last_ends_, ends_);
  for (std::size_t i = 0; i < heaps.size(); ++i) {
    const bool known = ends_[i].first >= heaps[i].low && ends_[i].first <= heaps[i].most;
    ends_[i] = {end_of_use(heaps[i], known ? ends_[i].first : heaps[i].low), heaps[i].most};
  }
  if (next_survey_ == 0) last_ends_ = ends_;   // the first look
  ends_before_.add(now, ends_);
  if (now < (soon_ ? soon_survey_ : next_survey_)) return note_new(heaps, last);
  // What a busy machine makes it wait is no part of what it spends.
  const std::uint64_t began = now_ns(CLOCK_THREAD_CPUTIME_ID);
  survey(heaps);
  const std::uint64_t spent = now_ns(CLOCK_THREAD_CPUTIME_ID) - began, done = now_ns();
  next_survey_ = done + std::max(kSurveyEvery, spent * kSurveyShare);
  soon_survey_ = done + std::max(kSurveyEvery, spent * kSoonShare);
  soon_ = false;
}

void CodeSurvey::survey(std::span<const CodeHeap> heaps) {
  next_.blobs.clear();
  next_.time = now_ns();
  for (std::size_t i = 0; i < heaps.size(); ++i) list_starts(heaps[i], heaps[i].low, ends_[i].first);
  take_ids();
  if (before_.blobs.empty() || now_.time - before_.time >= kKeptEvery) std::swap(before_, now_);
  std::swap(now_, next_);
}

// What was put at the ends since the look before the last: some of it may not have been filled in by then.
void CodeSurvey::note_new(std::span<const CodeHeap> heaps, const Ends& from) {
  next_.blobs.clear();
  for (std::size_t i = 0; i < heaps.size(); ++i) {
    if (from[i].first >= heaps[i].low) list_starts(heaps[i], from[i].first, ends_[i].first);
  }
  if (next_.blobs.empty()) return;
  take_ids();
  const auto noted = [this](const Known& known) { const Known* fresh = holding(next_, known.start); return fresh && fresh->start == known.start; };
  std::erase_if(now_.blobs, noted);
  const auto middle = now_.blobs.insert(now_.blobs.end(), next_.blobs.begin(), next_.blobs.end());
  std::inplace_merge(now_.blobs.begin(), middle, now_.blobs.end(), by_start);
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

void CodeSurvey::list_starts(const CodeHeap& heap, std::uint64_t from, std::uint64_t end) {
  shift_ = heap.shift;
  if (end <= from) return;
  std::vector<std::byte> tags(std::min((end - from) >> heap.shift, kMostSegments));
  if (tags.empty() || !memory_.read(heap.segmap + ((from - heap.low) >> heap.shift), tags)) return;
  for (std::size_t i = 0; i < tags.size() && next_.blobs.size() < kMostBlobs; ++i) {
    if (tags[i] == kFirst) next_.blobs.push_back({from + (std::uint64_t{i} << heap.shift) + layout_.block_size});
  }
}

void CodeSurvey::take_ids() {
  // One read a blob, from its block's header to its compile id: what each costs is finding its page.
  const std::size_t size = layout_.block_size + static_cast<std::size_t>(layout_.compile_id) + 4;
  std::vector<std::byte> bytes(kAtOnce * size);
  std::vector<Read> reads(kAtOnce);
  for (std::size_t first = 0; first < next_.blobs.size(); first += kAtOnce) {
    const auto some = std::span(next_.blobs).subspan(first, std::min(kAtOnce, next_.blobs.size() - first));
    for (std::size_t i = 0; i < some.size(); ++i) reads[i] = {some[i].start - layout_.block_size, std::span(bytes).subspan(i * size, size)};
    memory_.read_each(std::span(reads).first(some.size()));
    for (std::size_t i = 0; i < some.size(); ++i) {
      some[i].id = read_at<std::uint32_t>(reads[i].into, size - 4);
      read_block(reads[i].into, some[i]);
    }
  }
  const std::uint64_t now = now_ns();
  std::sort(next_.blobs.begin(), next_.blobs.end(), by_start);
  for (auto old = now_.blobs.begin(); Known& known : next_.blobs) {
    while (old != now_.blobs.end() && old->start < known.start) ++old;
    known.since = old != now_.blobs.end() && old->start == known.start && old->id == known.id ? old->since : now;
  }
}

// HeapBlock::Header: its length, a size_t or (JDK 25) a uint32_t, and then whether it is in use.
void CodeSurvey::read_block(Bytes header, Known& known) const {
  if (layout_.block_used != 8 && layout_.block_used != 4) return;
  known.segments = layout_.block_used == 4 ? read_at<std::uint32_t>(header, 0) : read_at<std::uint64_t>(header, 0);
  known.is_free = read_at<std::uint8_t>(header, static_cast<std::size_t>(layout_.block_used)) == 0;
}

const CodeSurvey::Known* CodeSurvey::holding(const Survey& survey, std::uint64_t start) {
  const auto after = std::upper_bound(survey.blobs.begin(), survey.blobs.end(), start, [](std::uint64_t s, const Known& k) { return s < k.start; });
  return after == survey.blobs.begin() ? nullptr : &*std::prev(after);
}

bool CodeSurvey::unused(const Ends& ends, std::uint64_t start) {
  return std::any_of(ends.begin(), ends.end(), [start](const auto& heap) { return start >= heap.first && start < heap.second; });
}

std::optional<std::uint64_t> CodeSurvey::was_free(std::uint64_t start, std::uint64_t end, std::uint64_t time) const {
  // Most new code lies where none has ever been: the looks at the ends are many, the surveys few.
  const auto look = ends_before_.when(time, [start](const Ends& ends) { return unused(ends, start); });
  if (look && *look + kFreeFor >= time) return look;
  for (const Survey* survey : {&now_, &before_}) {
    if (survey->time > time) continue;
    const Known* block = holding(*survey, start);
    const bool free = block && block->is_free && block->segments < kMostSegments &&
                      block->start - layout_.block_size + (block->segments << shift_) >= end;
    return free ? std::optional(survey->time) : std::nullopt;
  }
  return {};
}

bool CodeSurvey::was_there(std::uint64_t start, std::uint32_t compile_id, std::uint64_t time) const {
  const Known* known = holding(now_, start);
  if (known && known->start == start && known->id == compile_id && known->since <= time) return true;
  const Ends* ends = ends_before_.at(time);
  return ends && unused(*ends, start);
}

}  // namespace sampan::java

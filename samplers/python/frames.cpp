#include "samplers/python/frames.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace sampan::python {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kInterrupted = std::chrono::microseconds(50);
constexpr auto kPerFrame = std::chrono::microseconds(2);
constexpr int kTries = 6;
constexpr std::size_t kMostFrames = 262'144;
constexpr std::uint32_t kChunkHeader = 24;            // _PyStackChunk: previous, size, top
constexpr std::uint32_t kFirstExtent = 2048;
constexpr std::uint32_t kSlack = 1024;                // read beyond the frame seen outermost in the chunk
constexpr std::uint64_t kMostChunk = 64u << 20;
constexpr std::uint64_t kMostExtent = 64 * 1024;      // of the current chunk in one read
constexpr unsigned kMostChunks = 65'536;
constexpr std::size_t kKept = 32;                     // frames seen before the last walk that are still tried
constexpr std::size_t kMostPlanned = 16'384;
constexpr std::size_t kSearched = 256;                // blocks looked through where the hint is wrong
// To read so many takes about as long as they stand: what changed meanwhile is not read again, since the later moment
// would most often be one of a stack that is less deep.
constexpr std::size_t kDeep = 128;
constexpr std::size_t kFetched = 256;                 // frames of a deep stack at a time
constexpr std::uint64_t kTagBits = 7;
// Where fewer than one in fifty stacks change while they are read, to read such a one again moves no share by more
// than a fraction of that, and rids the profile of torn stacks. Where more do, it would be the bias that it is said to be.
constexpr float kCalm = 0.02f;
constexpr float kFlickerWindow = 64;

bool plausible(std::uint64_t address) { return address >= 4096 && address < (std::uint64_t{1} << 56) && address % 8 == 0; }

}  // namespace

FrameReader::FrameReader(Memory& memory, const Offsets& offsets) : memory_(memory), o_(offsets) {
  std::uint32_t begin = std::min({o_.frame_code, o_.frame_back, o_.frame_position});
  std::uint32_t end = std::max({o_.frame_code + 8, o_.frame_back + 8, o_.frame_position + (o_.interpreter_frames ? 8 : 4),
                                o_.frame_owner + 1, o_.frame_is_entry + 1, o_.frame_tlbc_index ? o_.frame_tlbc_index + 4 : 0});
  frame_begin_ = begin & ~7u;
  frame_size_ = ((end + 7) & ~7u) - frame_begin_;
  const std::uint32_t last = std::max({o_.tstate_interp, o_.tstate_frame, o_.tstate_thread_id, o_.tstate_base_frame,
                                       o_.tstate_chunk ? o_.tstate_chunk + 8 : 0});
  tstate_.resize(last + 8);
}

FramesRead FrameReader::read(ThreadState& thread, std::vector<FrameSite>& frames) {
  const std::size_t before = frames.size();
  std::uint64_t other_root = 0;   // where the chain ended before, with no entry frame there
  std::uint64_t wiped = 0;   // the head of an earlier attempt, whose frame had returned when it was read
  for (int attempt = 1; attempt <= kTries; ++attempt) {
    const bool last = attempt == kTries;
    const auto begun = Clock::now();
    const Outcome outcome = read_at_once(thread, last);
    if (outcome == Outcome::Gone) return FramesRead::Stale;
    if (outcome == Outcome::Again) continue;
    if (tstate<std::uint64_t>(o_.tstate_interp) != thread.interp || tstate<std::uint64_t>(o_.tstate_thread_id) != thread.thread_id) {
      return FramesRead::Stale;
    }
    if (head_ == 0) return FramesRead::None;
    // To take just any later moment for that one would be a bias towards callers: it has to be one as deep.
    if (wiped != 0 && head_ != wiped && !last) continue;
    const bool walked = walk(thread, frames, before);
    if (!walked || !ends_well(thread)) {
      if (frames.size() == before) wiped = head_;
      if (endless_) {
        frames.resize(before);
        return FramesRead::Torn;
      }
      // Code that a compiler made of Python (Nuitka) pushes frames of its own, with no entry frame below: seen twice alike.
      const bool deep = frames.size() - before >= kDeep;
      const bool whole = walked && root_ != 0 && !changed_ && (o_.boundary_owner == 255 ? deep : !ended_at_boundary_);
      if (whole && std::exchange(other_root, root_) == root_) {
        thread.root = root_;
        return FramesRead::Whole;
      }
      if (!whole && deep) return FramesRead::Cut;
      continue;
    }
    // Put aside by the scheduler between two reads, this thread would see two moments as one.
    const std::size_t count = frames.size() - before;
    if (count < kDeep && Clock::now() - begun > kInterrupted + count * kPerFrame && !last) continue;
    const bool changed = changed_;
    const bool calm = thread.flicker < kCalm;
    if (attempt == 1) thread.flicker += ((changed ? 1.0f : 0.0f) - thread.flicker) / kFlickerWindow;
    if (!changed) return FramesRead::Whole;
    if (!calm || last || count >= kDeep) return FramesRead::Changed;
  }
  const std::uint64_t head = head_;
  // Between entering the interpreter and naming its first frame, a _PyCFrame holds what lay on the stack before.
  if (o_.has_cframe && memory_.read_into(thread.cframe + o_.cframe_current_frame + 8, head_) &&
      memory_.read_into(head_ + o_.cframe_current_frame, head_) && walk(thread, frames, before) && ends_well(thread)) {
    return FramesRead::Changed;
  }
  head_ = head;
  if (o_.boundary_owner == 255 && walk(thread, frames, before)) {   // it stayed so: another outermost function
    thread.root = root_;
    return FramesRead::Changed;
  }
  frames.resize(before);
  return FramesRead::Torn;
}

// A chain that was cut while it was read (a generator lets go of its caller when it yields) does not end in an
// entry frame; up to 3.11, where there is none, it ends elsewhere than the ones before.
bool FrameReader::ends_well(ThreadState& thread) {
  if (o_.boundary_owner == 255) return root_ == thread.root || (thread.root == 0 && !changed_ && (thread.root = root_));
  return root_ != 0 && (ended_at_boundary_ || root_ == thread.root);
}

void FrameReader::plan(std::uint64_t address, std::uint32_t size) {
  blocks_.push_back({address, size, static_cast<std::uint32_t>(buffer_.size())});
  buffer_.resize(buffer_.size() + size);
}

// [head] [the chunk's live part] [frames elsewhere] [head again] [frames of earlier walks] [thread state] [head again] [code generation]
FrameReader::Outcome FrameReader::read_at_once(ThreadState& thread, bool last_try) {
  blocks_.clear(), buffer_.clear(), reads_.clear();
  hint_ = 0;
  if (thread.chunk) plan(thread.chunk, thread.extent);
  for (const std::uint64_t frame : thread.scattered) plan(frame + frame_begin_, frame_size_);
  earlier_ = std::min(blocks_.size(), thread.latest + (thread.chunk ? 1 : 0));
  const bool cframe = o_.has_cframe && thread.cframe;
  const std::uint64_t at = cframe ? thread.cframe + o_.cframe_current_frame : thread.address + o_.tstate_frame;
  std::uint64_t heads[3] = {}, cframes[3] = {};   // at first, then, at last
  const auto look = [&](int time) {
    if (cframe && time) reads_.push_back({thread.address + o_.tstate_frame, std::as_writable_bytes(std::span(&cframes[time], 1))});
    reads_.push_back({at, std::as_writable_bytes(std::span(&heads[time], 1))});
  };
  // The head alone comes first: its owner writes to the rest of the thread state at each call, and to read that holds it up there.
  look(0);
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    if (i == earlier_) look(1);
    reads_.push_back({blocks_[i].address, std::span(buffer_).subspan(blocks_[i].at, blocks_[i].size)});
  }
  const bool together = earlier_ == blocks_.size();   // nothing is read later than the rest: one look tells both
  reads_.push_back({thread.address, tstate_});
  look(together ? 1 : 2);
  if (o_.interp_code_generation) reads_.push_back({thread.interp + o_.interp_code_generation, std::as_writable_bytes(std::span(&code_generation_, 1))});
  planned_ = blocks_.size();
  const std::size_t done = memory_.read_batch(reads_);
  if (done == 0 && !cframe) return Outcome::Gone;
  if (done < reads_.size()) {   // a frame or chunk of before is no longer mapped
    thread.scattered.clear();
    thread.chunk = thread.cframe = 0;
    return last_try ? Outcome::Gone : Outcome::Again;
  }
  if (together) heads[2] = heads[1], cframes[2] = cframes[1];
  head_ = heads[0];
  changed_ = heads[1] != heads[0] || (cframe && cframes[1] != thread.cframe);
  changed_late_ = heads[2] != heads[0] || (cframe && cframes[2] != thread.cframe);
  const auto top = tstate<std::uint64_t>(o_.tstate_frame);
  bool known = true;
  if (o_.interpreter_frames && !thread.chunk && plausible(tstate<std::uint64_t>(o_.tstate_chunk))) {
    thread.chunk = tstate<std::uint64_t>(o_.tstate_chunk);
    thread.extent = kFirstExtent;
    known = top == 0;
  }
  if (o_.has_cframe && top != thread.cframe) {
    known = false;
    changed_ = true;
    thread.cframe = top;
    if (last_try && !memory_.read_into(thread.cframe + o_.cframe_current_frame, head_)) return Outcome::Gone;
  }
  return known || last_try ? Outcome::Read : Outcome::Again;
}

bool FrameReader::walk(ThreadState& thread, std::vector<FrameSite>& frames, std::size_t before) {
  frames.resize(before);
  first_ = before;
  outside_.clear();
  const std::uint64_t base = o_.tstate_base_frame ? tstate<std::uint64_t>(o_.tstate_base_frame) : 0;
  std::uint64_t address = head_;
  // The chunk's own header says how large it is; what of it to read the next time follows from this walk.
  chunk_size_ = thread.chunk ? std::min(read_at<std::uint64_t>(find(thread.chunk, 16), 8), kMostExtent) : 0;
  needed_ = 0;
  ended_at_boundary_ = endless_ = false;
  chunk_from_ = o_.interpreter_frames ? tstate<std::uint64_t>(o_.tstate_chunk) : 0;
  for (std::size_t depth = 0; address != 0 && address != base; ++depth) {
    if (depth >= kMostFrames) return endless_ = true, false;
    if (!plausible(address)) return false;
    const Bytes frame = frame_at(thread, address);
    if (frame.empty() || !take(frame, address, frames)) {
      if (frames.size() - before >= kDeep) remember(thread);
      return false;
    }
    address = read_at<std::uint64_t>(frame, o_.frame_back - frame_begin_);
  }
  root_ = frames.size() > before ? frames.back().address : 0;
  remember(thread);
  if (needed_) thread.extent = static_cast<std::uint32_t>(std::min<std::uint64_t>(needed_ + kSlack, chunk_size_));
  return true;
}

bool FrameReader::take(Bytes frame, std::uint64_t address, std::vector<FrameSite>& frames) {
  if (o_.boundary_owner != 255) {
    ended_at_boundary_ = read_at<std::uint8_t>(frame, o_.frame_owner - frame_begin_) >= o_.boundary_owner;
    if (ended_at_boundary_) {
      if (frames.size() > first_) frames.back().entry = true;
      return true;
    }
  }
  FrameSite site{address, read_at<std::uint64_t>(frame, o_.frame_code - frame_begin_) & ~kTagBits, 0, 0, !o_.interpreter_frames};
  if (o_.frame_is_entry) site.entry = read_at<std::uint8_t>(frame, o_.frame_is_entry - frame_begin_) != 0;
  const std::uint32_t at = o_.frame_position - frame_begin_;
  switch (o_.position) {
    case SAMPAN_PY_LASTI_BYTES: site.position = read_at<std::int32_t>(frame, at); break;
    case SAMPAN_PY_LASTI_UNITS: site.position = std::int64_t{read_at<std::int32_t>(frame, at)} * 2; break;
    default: site.position = read_at<std::int64_t>(frame, at);
  }
  if (o_.frame_tlbc_index) site.tlbc = read_at<std::uint32_t>(frame, o_.frame_tlbc_index - frame_begin_);
  if (!plausible(site.code)) return false;
  frames.push_back(site);
  return true;
}

// The bytes of a frame, from frame_begin_ on; empty where they cannot be read.
Bytes FrameReader::frame_at(ThreadState& thread, std::uint64_t address) {
  Bytes frame = find(address + frame_begin_, frame_size_);
  if (frame.empty() && fetch(thread, address)) frame = find(address + frame_begin_, frame_size_);
  if (address > thread.chunk && address - thread.chunk < chunk_size_) {
    needed_ = std::max(needed_, static_cast<std::uint32_t>(address - thread.chunk) + frame_begin_ + frame_size_);
  }
  return frame;
}

Bytes FrameReader::find(std::uint64_t address, std::uint32_t size) {
  const auto holds = [&](const Block& b) { return address >= b.address && address - b.address + size <= b.size; };
  const auto bytes = [&](std::size_t i) {
    const Block& b = blocks_[i];
    hint_ = b.size == frame_size_ ? i + 1 : i;
    if (b.size == frame_size_) outside_.push_back(address - frame_begin_);
    if (i >= earlier_ && i < planned_) changed_ = changed_ || changed_late_;
    return Bytes(buffer_).subspan(b.at + (address - b.address), size);
  };
  if (hint_ < blocks_.size() && holds(blocks_[hint_])) return bytes(hint_);
  const std::size_t hint = hint_;
  for (std::size_t i = 0; i < std::min(blocks_.size(), kSearched); ++i) {
    if (holds(blocks_[i])) return bytes(i);
  }
  if (!blocks_.empty() && holds(blocks_.back())) {   // just fetched: what was expected is expected still
    const Bytes found = bytes(blocks_.size() - 1);
    if (blocks_.back().size == frame_size_) hint_ = hint;
    return found;
  }
  return {};
}

bool FrameReader::fetch_block(ThreadState& thread, std::uint64_t address, std::uint32_t size) {
  plan(address, size);
  return fetch_planned(thread, blocks_.size() - 1);
}

// The frames that lay below that one the last time, many at once.
bool FrameReader::fetch_deep(ThreadState& thread, std::uint64_t address) {
  const auto known = thread.deep_at.find(address);
  if (known == thread.deep_at.end()) return false;
  const std::size_t from = blocks_.size();
  const std::size_t end = std::min<std::size_t>(thread.deep.size(), known->second + kFetched);
  for (std::size_t i = known->second; i < end; ++i) plan(thread.deep[i] + frame_begin_, frame_size_);
  hint_ = from;
  return fetch_planned(thread, from);
}

// What is read later than the rest looks at the head again too.
bool FrameReader::fetch_planned(ThreadState& thread, std::size_t from) {
  std::uint64_t top = 0, in_cframe = 0;
  reads_.clear();
  for (std::size_t i = from; i < blocks_.size(); ++i) reads_.push_back({blocks_[i].address, std::span(buffer_).subspan(blocks_[i].at, blocks_[i].size)});
  const std::size_t count = reads_.size();
  reads_.push_back({thread.address + o_.tstate_frame, std::as_writable_bytes(std::span(&top, 1))});
  if (o_.has_cframe) reads_.push_back({thread.cframe + o_.cframe_current_frame, std::as_writable_bytes(std::span(&in_cframe, 1))});
  const std::size_t done = memory_.read_batch(reads_);
  if (done < count) blocks_.resize(from + done);
  if (done == 0) return false;
  const bool whole = done == reads_.size();
  if (!whole || (o_.has_cframe ? top != thread.cframe || in_cframe != head_ : top != head_)) changed_ = true;
  return true;
}

// A frame that was not where frames were before: in the current chunk beyond what was read, in an older chunk,
// or elsewhere (generators' frames, entry frames on the C stack, frame objects up to 3.10).
bool FrameReader::fetch(ThreadState& thread, std::uint64_t address) {
  std::uint64_t chunk = chunk_from_;
  for (unsigned i = 0; chunk != 0 && plausible(chunk) && i < kMostChunks; ++i) {
    std::uint64_t header[3];   // previous, size, top
    if (!memory_.read(chunk, std::as_writable_bytes(std::span(header))) || header[1] > kMostChunk) break;
    if (address >= chunk + kChunkHeader && address - chunk < header[1]) {
      chunk_from_ = chunk;   // callers' frames are in this one or older ones
      const bool current = chunk == tstate<std::uint64_t>(o_.tstate_chunk);
      if (current) thread.chunk = chunk, chunk_size_ = std::min(header[1], kMostExtent);
      const std::uint64_t end = address - chunk + frame_begin_ + frame_size_;
      const std::uint64_t used = current ? end + kSlack : std::max(kChunkHeader + header[2] * 8, end);
      return fetch_block(thread, chunk, static_cast<std::uint32_t>(std::min(used, header[1])));
    }
    chunk = header[0];
  }
  return fetch_deep(thread, address) || fetch_block(thread, address + frame_begin_, frame_size_);
}

// The frames of this walk first, then those of the walks before it.
void FrameReader::remember(ThreadState& thread) {
  if (o_.interpreter_frames && outside_.empty() && thread.scattered.empty()) return;
  if (outside_.size() >= kDeep && outside_.size() <= kMostFrames && (thread.deep.size() != outside_.size() || thread.deep != outside_)) {
    thread.deep = outside_;
    thread.deep_at.clear();
    for (std::uint32_t i = 0; i < thread.deep.size(); ++i) thread.deep_at.emplace(thread.deep[i], i);
  }
  const std::size_t used = std::min(outside_.size(), kMostPlanned);
  thread.latest = used;
  if (used <= thread.scattered.size() && std::equal(outside_.begin(), outside_.begin() + static_cast<std::ptrdiff_t>(used), thread.scattered.begin())) {
    return;
  }
  outside_.resize(used);
  if (used <= kSearched) {
    for (const std::uint64_t old : thread.scattered) {
      if (outside_.size() >= used + kKept) break;
      if (std::find(outside_.begin(), outside_.begin() + static_cast<std::ptrdiff_t>(used), old) == outside_.begin() + static_cast<std::ptrdiff_t>(used)) outside_.push_back(old);
    }
  }
  thread.scattered.swap(outside_);
}

}  // namespace sampan::python

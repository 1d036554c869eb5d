#include "samplers/java/code_cache.hpp"

#include <algorithm>
#include <array>

namespace sampan::java {
namespace {

constexpr unsigned kMostHeaps = 8;
constexpr unsigned kMostShift = 16;
constexpr std::uint8_t kFree = 0xff;
constexpr std::uint64_t kMostBlobBytes = std::uint64_t{64} << 20;
constexpr std::uint64_t kMostFrameBytes = std::uint64_t{1} << 20;
constexpr std::size_t kMostKnownPcs = 200'000;   // then the caches start anew

template <typename T>
T field(Bytes bytes, Offset offset) {
  return offset == kAbsent ? T{} : read_at<T>(bytes, static_cast<std::size_t>(offset));
}

// A pair of fields of which the VM has one: an address, or an offset from `base`.
std::uint64_t place(Bytes bytes, Offset address, Offset offset, std::uint64_t base) {
  if (address != kAbsent) return field<std::uint64_t>(bytes, address);
  if (offset == kAbsent) return 0;
  const auto distance = field<std::int32_t>(bytes, offset);
  return distance > 0 ? base + static_cast<std::uint64_t>(distance) : 0;
}

}  // namespace

std::optional<CodeHeap> CodeCache::read_heap(std::uint64_t address) {
  const auto at = [&](Offset a, Offset b) { return memory_.read_as<std::uint64_t>(address + static_cast<std::uint64_t>(a + b)); };
  CodeHeap heap;
  heap.low = at(layout_.heap_memory, layout_.space_low);
  heap.high = at(layout_.heap_memory, layout_.space_high);
  heap.segmap = at(layout_.heap_segmap, layout_.space_low);
  heap.shift = memory_.read_as<std::uint32_t>(address + static_cast<std::uint64_t>(layout_.heap_shift));
  if (heap.low == 0 || heap.high <= heap.low || heap.segmap == 0 || heap.shift > kMostShift) return {};
  return heap;
}

bool CodeCache::refresh() {
  std::array<std::uint64_t, kMostHeaps> addresses{};
  std::uint64_t count = 0;
  if (layout_.single_heap && !layout_.heaps) {
    addresses[0] = memory_.read_as<std::uint64_t>(layout_.single_heap);
    count = addresses[0] != 0;
  } else {
    const auto array = memory_.read_as<std::uint64_t>(layout_.heaps);
    if (!array) return false;
    const Offset length = std::max(layout_.array_length, 0);
    count = std::min<std::uint64_t>(memory_.read_as<std::uint32_t>(array + static_cast<std::uint64_t>(length)), kMostHeaps);
    const auto data = memory_.read_as<std::uint64_t>(array + static_cast<std::uint64_t>(layout_.array_data));
    for (std::uint64_t i = 0; i < count; ++i) addresses[i] = memory_.read_as<std::uint64_t>(data + i * 8);
  }
  heaps_.clear();
  low_ = ~std::uint64_t{0}, high_ = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    auto heap = read_heap(addresses[i]);
    if (!heap) continue;
    const auto boundary = [&](Offset which) {
      return which == kAbsent ? 0 : memory_.read_as<std::uint64_t>(addresses[i] + static_cast<std::uint64_t>(layout_.heap_memory + which));
    };
    const std::uint64_t low = boundary(layout_.space_low_boundary), high = boundary(layout_.space_high_boundary);
    low_ = std::min(low_, low ? low : heap->low);
    high_ = std::max({high_, high, heap->high});
    heap->most = std::max(high, heap->high);
    heaps_.push_back(*heap);
  }
  return !heaps_.empty();
}

std::optional<std::uint64_t> CodeCache::step_back(const CodeHeap& heap, std::uint64_t index) {
  // A tag is at most 254, so one read of the map behind the index serves several steps.
  std::array<std::uint8_t, 1024> window;
  std::uint64_t first = 0, size = 0;
  const std::uint64_t limit = kMostBlobBytes >> heap.shift;
  for (std::uint64_t walked = 0; walked <= limit;) {
    if (size == 0 || index < first || index >= first + size) {
      first = index + 1 > window.size() ? index + 1 - window.size() : 0;
      size = index + 1 - first;
      if (!memory_.read(heap.segmap + first, std::as_writable_bytes(std::span(window).first(size)))) return {};
    }
    const std::uint8_t tag = window[index - first];
    if (tag == 0) return index;
    if (tag == kFree || tag > index) return {};
    index -= tag;
    walked += tag;
  }
  return {};
}

std::optional<std::uint64_t> CodeCache::start_of(std::uint64_t pc) {
  const auto holds = [pc](const CodeHeap& heap) { return pc >= heap.low && pc < heap.high; };
  auto heap = std::find_if(heaps_.begin(), heaps_.end(), holds);
  if (heap == heaps_.end()) {
    // The heaps grow while the VM runs.
    if (!covers(pc) || !refresh()) return {};
    heap = std::find_if(heaps_.begin(), heaps_.end(), holds);
    if (heap == heaps_.end()) return {};
  }
  const auto index = step_back(*heap, (pc - heap->low) >> heap->shift);
  if (!index) return {};
  const std::uint64_t block = heap->low + (*index << heap->shift);
  if (layout_.block_used != kAbsent && memory_.read_as<std::uint8_t>(block + static_cast<std::uint64_t>(layout_.block_used)) == 0) return {};
  return block + (layout_.block_size ? layout_.block_size : 16);
}

BlobKind CodeCache::kind_of(const std::string& name) const {
  if (name == "nmethod" || name == "native nmethod") return BlobKind::Compiled;
  if (name == "Interpreter") return BlobKind::Interpreter;
  if (name.find("ontinuation") != std::string::npos) return BlobKind::Continuation;
  if (name.starts_with("StubRoutines") || name.starts_with("Stub Generator")) return BlobKind::Stubs;
  if (name.starts_with("vtable") || name.starts_with("itable") || name.find("adapters") != std::string::npos ||
      name.find("I2C") != std::string::npos || name == "InlineCacheBuffer") {
    return BlobKind::Vtable;
  }
  return BlobKind::Runtime;
}

std::optional<Blob> CodeCache::read_blob(std::uint64_t start) {
  std::vector<std::byte> header(layout_.blob_bytes);
  if (!memory_.read(start, header)) return {};
  Blob blob;
  const auto size = field<std::uint32_t>(header, layout_.blob_size);
  if (size < 32 || size > kMostBlobBytes) return {};
  blob.start = start;
  blob.end = start + size;
  blob.name = read_c_string(memory_, field<std::uint64_t>(header, layout_.blob_name));
  if (blob.name.empty()) return {};
  blob.kind = kind_of(blob.name);
  blob.native = blob.name.starts_with("native");
  blob.code = place(header, layout_.code_begin, layout_.code_offset, start);
  if (!blob.contains(blob.code)) return {};
  const auto words = field<std::int32_t>(header, layout_.blob_frame_size);
  blob.frame_bytes = words > 0 ? static_cast<std::uint64_t>(words) * 8 : 0;
  if (blob.frame_bytes > kMostFrameBytes) return {};
  blob.frame_complete = layout_.frame_complete_is_short ? field<std::int16_t>(header, layout_.blob_frame_complete)
                                                        : field<std::int32_t>(header, layout_.blob_frame_complete);
  if (blob.kind == BlobKind::Compiled) read_compiled(header, blob);
  blob.read_at = now_ns();
  blob.serial = ++serial_;
  return blob;
}

void CodeCache::read_compiled(Bytes header, Blob& blob) const {
  const std::uint64_t start = blob.start;
  const auto witness = [&](Offset at, std::uint64_t mask) {
    return Witness{start + static_cast<std::uint64_t>(at), field<std::uint64_t>(header, at) & mask, mask};
  };
  blob.method = field<std::uint64_t>(header, layout_.method);
  blob.compile_id = field<std::uint32_t>(header, layout_.compile_id);
  blob.witnesses[0] = witness(layout_.compile_id, 0xffffffff);
  blob.witnesses[1] = witness(layout_.method, ~std::uint64_t{0});
  blob.witnesses[2] = blob.witnesses[1];
  // The header of a blob that was freed is what it was, unless other code was put over it.
  if (layout_.block_used != kAbsent) {
    blob.witnesses[2] = {start - layout_.block_size + static_cast<std::uint64_t>(layout_.block_used), 1, 0xff};
  }
  blob.entry = layout_.verified_entry != kAbsent ? field<std::uint64_t>(header, layout_.verified_entry)
               : layout_.verified_entry_offset != kAbsent ? blob.code + field<std::uint16_t>(header, layout_.verified_entry_offset)
                                                          : blob.code;
  if (!blob.contains(blob.entry)) blob.entry = blob.code;
  blob.deopt = place(header, layout_.deopt_begin, layout_.deopt_offset, start);
  blob.deopt_mh = place(header, layout_.deopt_mh_begin, layout_.deopt_mh_offset, start);
  const auto orig = field<std::int32_t>(header, layout_.orig_pc);
  blob.orig_pc_at = orig > 0 ? static_cast<std::uint64_t>(orig) : 0;

  const std::uint64_t base = layout_.immutable_data != kAbsent ? field<std::uint64_t>(header, layout_.immutable_data) : start;
  blob.pcs = base + field<std::uint32_t>(header, layout_.scopes_pcs);
  blob.pcs_end = base + field<std::uint32_t>(header, layout_.scopes_pcs_end);
  blob.scopes = layout_.scopes_begin != kAbsent ? field<std::uint64_t>(header, layout_.scopes_begin)
                                                : base + field<std::uint32_t>(header, layout_.scopes_offset);
  if (layout_.mutable_data != kAbsent) {
    blob.metadata = field<std::uint64_t>(header, layout_.mutable_data) + field<std::uint32_t>(header, layout_.relocation_size);
  } else if (layout_.data_offset != kAbsent) {
    blob.metadata = start + field<std::uint32_t>(header, layout_.data_offset) + field<std::uint16_t>(header, layout_.metadata_offset);
  } else {
    blob.metadata = start + field<std::uint32_t>(header, layout_.metadata_offset);
  }
}

const Blob* CodeCache::find(std::uint64_t pc) {
  if (!covers(pc)) return nullptr;
  if (const auto known = starts_.find(pc); known != starts_.end()) {
    if (const auto blob = blobs_.find(known->second); blob != blobs_.end() && blob->second.contains(pc)) return &blob->second;
    starts_.erase(known);
  }
  const auto start = start_of(pc);
  if (!start) return nullptr;
  auto known = blobs_.find(*start);
  if (known == blobs_.end() || !known->second.contains(pc)) {
    auto blob = read_blob(*start);
    if (!blob || !blob->contains(pc)) return nullptr;
    known = blobs_.insert_or_assign(*start, std::move(*blob)).first;
  }
  if (starts_.size() >= kMostKnownPcs) starts_.clear();
  starts_.emplace(pc, *start);
  return &known->second;
}

const Blob* CodeCache::at(std::uint64_t start) const {
  const auto known = blobs_.find(start);
  return known == blobs_.end() ? nullptr : &known->second;
}

bool CodeCache::was_there(const Blob& blob, std::uint64_t time) const {
  return blob.kind != BlobKind::Compiled || blob.read_at <= time || survey_.was_there(blob.start, blob.compile_id, time);
}

void CodeCache::forget(std::uint64_t start) { blobs_.erase(start); }

}  // namespace sampan::java

#include "samplers/java/class_unloads.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

#include "samplers/base/cursor.hpp"

namespace sampan::java {
namespace {

// share/runtime/perfMemory.hpp: PerfDataPrologue and PerfDataEntry, version 2.0 since JDK 1.5.
constexpr std::uint32_t kMagic = 0xc0c0feca;            // bytes ca fe c0 c0
constexpr std::size_t kUsedAt = 8, kFirstEntryAt = 24, kEntriesAt = 28, kPrologueBytes = 32;
constexpr std::size_t kNameAt = 4, kTypeAt = 12, kDataAt = 16, kEntryBytes = 20;
constexpr std::uint32_t kMostBytes = 1 << 20, kMostEntries = 1 << 14;
constexpr std::uint64_t kLookEvery = 20'000'000;

constexpr std::string_view kNames[] = {"java.cls.unloadedClasses", "java.cls.sharedUnloadedClasses"};

}  // namespace

void ClassUnloads::refresh() {
  if (counters_[0] || !layout_.perf_start) return;
  const auto start = memory_.read_as<std::uint64_t>(layout_.perf_start);
  std::vector<std::byte> bytes(kPrologueBytes);
  if (!start || !memory_.read(start, bytes) || read_at<std::uint32_t>(bytes, 0) != kMagic) return;
  const auto used = read_at<std::uint32_t>(bytes, kUsedAt);
  const auto entries = std::min(read_at<std::uint32_t>(bytes, kEntriesAt), kMostEntries);
  std::size_t at = read_at<std::uint32_t>(bytes, kFirstEntryAt);
  if (used < kPrologueBytes || used > kMostBytes) return;
  bytes.resize(used);
  if (!memory_.read(start, bytes)) return;
  for (std::uint32_t i = 0; i < entries && at <= used && used - at >= kEntryBytes; ++i) {
    const std::size_t length = read_at<std::uint32_t>(bytes, at);
    const std::size_t name = read_at<std::uint32_t>(bytes, at + kNameAt), data = read_at<std::uint32_t>(bytes, at + kDataAt);
    if (length < kEntryBytes || length > used - at) return;
    if (read_at<std::uint8_t>(bytes, at + kTypeAt) == 'J' && name < length && data < length) {
      const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + at + name, length - name);
      for (std::size_t k = 0; k < counters_.size(); ++k) {
        if (text.substr(0, text.find('\0')) == kNames[k]) counters_[k] = start + at + data;
      }
    }
    at += length;
  }
}

std::uint64_t ClassUnloads::count() {
  std::uint64_t sum = 0;
  for (const std::uint64_t counter : counters_) sum += counter ? memory_.read_as<std::uint64_t>(counter) : 0;
  return sum;
}

void ClassUnloads::look(std::uint64_t now) {
  if (!counters_[0] || now < next_look_) return;
  next_look_ = now + kLookEvery;
  seen_.add(now, count());
}

Unloaded ClassUnloads::since(std::uint64_t time) {
  const std::uint64_t* before = seen_.at(time);
  return !before ? Unloaded::Unknown : *before == count() ? Unloaded::None : Unloaded::Some;
}

}  // namespace sampan::java

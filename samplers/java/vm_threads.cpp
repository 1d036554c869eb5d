#include "samplers/java/vm_threads.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "samplers/base/cursor.hpp"

namespace sampan::java {
namespace {

constexpr std::size_t kMostThreads = 65'536;

std::uint64_t at(std::uint64_t base, Offset offset) { return base + static_cast<std::uint64_t>(offset); }

}  // namespace

bool VmThreads::add(std::uint64_t address) {
  if (!address || address % 8 != 0) return false;
  VmThread thread{address, 0, 0};
  const auto osthread = memory_.read_as<std::uint64_t>(at(address, layout_.thread_osthread));
  if (!osthread) return false;
  const auto tid = memory_.read_as<std::int32_t>(at(osthread, layout_.osthread_id));
  if (tid <= 0) return false;
  if (layout_.thread_stack_base != kAbsent) thread.stack_base = memory_.read_as<std::uint64_t>(at(address, layout_.thread_stack_base));
  if (layout_.thread_stack_size != kAbsent) thread.stack_size = memory_.read_as<std::uint64_t>(at(address, layout_.thread_stack_size));
  threads_.insert_or_assign(tid, thread);
  return true;
}

bool VmThreads::refresh() {
  threads_.clear();
  if (layout_.threads_list && layout_.list_length != kAbsent && layout_.list_threads != kAbsent) {
    const auto list = memory_.read_as<std::uint64_t>(layout_.threads_list);
    if (!list) return false;
    const auto length = memory_.read_as<std::uint32_t>(at(list, layout_.list_length));
    const auto array = memory_.read_as<std::uint64_t>(at(list, layout_.list_threads));
    if (length > kMostThreads) return false;
    std::vector<std::uint64_t> addresses(length);
    if (length && !memory_.read(array, std::as_writable_bytes(std::span(addresses)))) return false;
    for (const std::uint64_t address : addresses) add(address);
    return true;
  }
  if (!layout_.first_thread || layout_.thread_next == kAbsent) return false;
  auto address = memory_.read_as<std::uint64_t>(layout_.first_thread);
  for (std::size_t i = 0; address && i < kMostThreads; ++i) {
    add(address);
    address = memory_.read_as<std::uint64_t>(at(address, layout_.thread_next));
  }
  return true;
}

const VmThread* VmThreads::find(pid_t inner_tid) const {
  const auto found = threads_.find(inner_tid);
  return found == threads_.end() ? nullptr : &found->second;
}

Anchor VmThreads::anchor_at(std::uint64_t address) {
  std::array<std::byte, 64> bytes{};
  const Offset last = std::max({layout_.anchor_sp, layout_.anchor_pc, layout_.anchor_fp});
  if (last < 0 || last > 56 || !memory_.read(address, std::span(bytes).first(static_cast<std::size_t>(last) + 8))) return {};
  const auto field = [&](Offset offset) { return offset == kAbsent ? 0 : read_at<std::uint64_t>(bytes, static_cast<std::size_t>(offset)); };
  return {field(layout_.anchor_sp), field(layout_.anchor_pc), field(layout_.anchor_fp)};
}

std::optional<Anchor> VmThreads::anchor(const VmThread& thread) {
  Anchor anchor = anchor_at(at(thread.address, layout_.thread_anchor));
  return anchor.sp ? std::optional(anchor) : std::nullopt;
}

}  // namespace sampan::java

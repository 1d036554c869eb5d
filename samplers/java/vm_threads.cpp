#include "samplers/java/vm_threads.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "samplers/base/cursor.hpp"

namespace sampan::java {
namespace {

constexpr std::size_t kMostThreads = 65'536;

std::uint64_t at(std::uint64_t base, Offset offset) { return base + static_cast<std::uint64_t>(offset); }

// A field of many structures, 0 where it cannot be read: as few system calls as batches allow.
std::vector<std::uint64_t> read_column(Memory& memory, std::span<const std::uint64_t> bases, Offset offset) {
  std::vector<std::uint64_t> values(bases.size());
  if (offset == kAbsent) return values;
  std::vector<Read> reads;
  for (std::size_t i = 0; i < bases.size(); ++i) {
    reads.push_back({at(bases[i], offset), std::as_writable_bytes(std::span(&values[i], 1))});
  }
  for (std::size_t done = 0; done < reads.size(); ++done) {   // a thread that ended in between is passed over
    done += memory.read_batch(std::span(reads).subspan(done));
  }
  return values;
}

}  // namespace

std::vector<std::uint64_t> VmThreads::read_list() {
  std::vector<std::uint64_t> addresses;
  if (layout_.threads_list && layout_.list_length != kAbsent && layout_.list_threads != kAbsent) {
    const auto list = memory_.read_as<std::uint64_t>(layout_.threads_list);
    const auto length = list ? memory_.read_as<std::uint32_t>(at(list, layout_.list_length)) : 0;
    const auto array = list ? memory_.read_as<std::uint64_t>(at(list, layout_.list_threads)) : 0;
    addresses.resize(length <= kMostThreads ? length : 0);
    if (!addresses.empty() && !memory_.read(array, std::as_writable_bytes(std::span(addresses)))) addresses.clear();
  } else if (layout_.first_thread && layout_.thread_next != kAbsent) {
    auto address = memory_.read_as<std::uint64_t>(layout_.first_thread);
    while (address && addresses.size() < kMostThreads) {
      addresses.push_back(address);
      address = memory_.read_as<std::uint64_t>(at(address, layout_.thread_next));
    }
  }
  std::erase_if(addresses, [](std::uint64_t address) { return address == 0 || address % 8 != 0; });
  return addresses;
}

void VmThreads::refresh() {
  threads_.clear();
  const auto addresses = read_list();
  const auto bases = read_column(memory_, addresses, layout_.thread_stack_base);
  const auto osthreads = read_column(memory_, addresses, layout_.thread_osthread);
  const auto ids = read_column(memory_, osthreads, layout_.osthread_id);
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const auto tid = static_cast<pid_t>(ids[i] & 0xffffffff);
    if (osthreads[i] != 0 && tid > 0) threads_.insert_or_assign(tid, VmThread{addresses[i], bases[i]});
  }
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

#include "samplers/process/memory.hpp"

#include <sys/uio.h>

#include <algorithm>
#include <array>

namespace sampan {

void Memory::read_each(std::span<const Read> reads) {
  while (!reads.empty()) {
    const std::size_t done = read_batch(reads);
    if (done >= reads.size()) return;
    std::fill(reads[done].into.begin(), reads[done].into.end(), std::byte{0});
    reads = reads.subspan(done + 1);
  }
}

std::size_t LiveMemory::read_batch(std::span<const Read> reads) {
  constexpr std::size_t kMost = 64;
  std::array<iovec, kMost> local;
  std::array<iovec, kMost> remote;
  std::size_t done = 0;
  while (done < reads.size()) {
    const std::size_t count = std::min(kMost, reads.size() - done);
    for (std::size_t i = 0; i < count; ++i) {
      const Read& read = reads[done + i];
      local[i] = {read.into.data(), read.into.size()};
      remote[i] = {reinterpret_cast<void*>(read.address), read.into.size()};
    }
    ssize_t got = process_vm_readv(pid_, local.data(), count, remote.data(), count, 0);
    for (std::size_t i = 0; i < count; ++i, ++done) {
      const auto size = static_cast<ssize_t>(reads[done].into.size());
      if (got < size) return done;
      got -= size;
    }
  }
  return done;
}

std::size_t FakeMemory::read_batch(std::span<const Read> reads) {
  std::size_t done = 0;
  for (const Read& read : reads) {
    auto region = regions_.upper_bound(read.address);
    if (region == regions_.begin()) return done;
    --region;
    const std::uint64_t offset = read.address - region->first;
    const auto& bytes = region->second;
    if (offset > bytes.size() || bytes.size() - offset < read.into.size()) return done;
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset), read.into.size(), read.into.begin());
    ++done;
  }
  return done;
}

void FakeMemory::put(std::uint64_t address, std::span<const std::byte> bytes) {
  regions_[address].assign(bytes.begin(), bytes.end());
}

}  // namespace sampan

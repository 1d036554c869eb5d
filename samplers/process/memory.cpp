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
    // As in a real process, regions that follow each other are one.
    std::size_t copied = 0;
    do {
      const std::uint64_t address = read.address + copied;
      auto region = regions_.upper_bound(address);
      if (region == regions_.begin()) return done;
      --region;
      const std::uint64_t offset = address - region->first;
      const auto& bytes = region->second;
      if (offset > bytes.size() || (offset == bytes.size() && copied < read.into.size())) return done;
      const std::size_t size = std::min<std::size_t>(bytes.size() - offset, read.into.size() - copied);
      std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset), size, read.into.begin() + static_cast<std::ptrdiff_t>(copied));
      copied += size;
    } while (copied < read.into.size());
    ++done;
  }
  return done;
}

void FakeMemory::put(std::uint64_t address, std::span<const std::byte> bytes) {
  regions_[address].assign(bytes.begin(), bytes.end());
}

}  // namespace sampan

#include "samplers/process/cached_memory.hpp"

namespace sampan {

const CachedMemory::Block* CachedMemory::block(std::uint64_t number) {
  Block& block = blocks_[(number ^ number >> 10) & (kBlocks - 1)];
  if (block.generation == generation_ && block.number == number) return &block;
  block.generation = 0;
  if (!memory_.read(number * kBlock, block.bytes)) return nullptr;
  block.generation = generation_;
  block.number = number;
  return &block;
}

std::size_t CachedMemory::read_batch(std::span<const Read> reads) {
  std::size_t done = 0;
  for (const Read& read : reads) {
    if (read.into.empty()) {
      ++done;
      continue;
    }
    const std::uint64_t number = read.address / kBlock, at = read.address % kBlock;
    const Block* found = read.into.size() <= kBlock - at ? block(number) : nullptr;
    if (found) std::memcpy(read.into.data(), found->bytes.data() + at, read.into.size());
    else if (memory_.read_batch({&read, 1}) != 1) return done;
    ++done;
  }
  return done;
}

}  // namespace sampan

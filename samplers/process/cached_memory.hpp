// Another memory, of which small reads fetch a block around them: objects lie close together, and each system call costs more
// than the block. What it holds is as old as the last start.
#pragma once

#include <array>
#include <vector>

#include "samplers/process/memory.hpp"

namespace sampan {

class CachedMemory final : public Memory {
 public:
  // `memory` outlives it.
  explicit CachedMemory(Memory& memory) : memory_(memory), blocks_(kBlocks) {}

  std::size_t read_batch(std::span<const Read> reads) override;
  // Forgets everything.
  void start() { ++generation_; }

 private:
  static constexpr std::size_t kBlock = 256, kBlocks = 1024;   // bytes, a divisor of a page; a power of two
  struct Block {
    std::uint64_t generation = 0, number = 0;
    std::array<std::byte, kBlock> bytes;
  };
  const Block* block(std::uint64_t number);

  Memory& memory_;
  std::vector<Block> blocks_;        // each number has one place
  std::uint64_t generation_ = 1;
};

}  // namespace sampan

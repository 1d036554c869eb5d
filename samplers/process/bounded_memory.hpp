// Another memory, of which no more than so much is read until the next start: what a hostile target can make one sample cost.
#pragma once

#include "samplers/process/memory.hpp"

namespace sampan {

class BoundedMemory final : public Memory {
 public:
  // `memory` outlives it.
  BoundedMemory(Memory& memory, std::size_t most_reads, std::size_t most_bytes) : memory_(memory), most_reads_(most_reads), most_bytes_(most_bytes) {}

  // Past the bounds reads fail, as those of memory that is not there.
  std::size_t read_batch(std::span<const Read> reads) override {
    std::size_t bytes = 0;
    for (const Read& read : reads) bytes += read.into.size();
    if (reads.size() > most_reads_ - reads_ || bytes > most_bytes_ - bytes_) return spent_ = true, 0;
    reads_ += reads.size();
    bytes_ += bytes;
    return memory_.read_batch(reads);
  }

  void start() { reads_ = bytes_ = 0, spent_ = false; }
  bool spent() const { return spent_; }

 private:
  Memory& memory_;
  std::size_t most_reads_, most_bytes_, reads_ = 0, bytes_ = 0;
  bool spent_ = false;
};

}  // namespace sampan

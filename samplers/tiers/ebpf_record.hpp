// A record of the BPF program as a snapshot.
#pragma once

#include <cstdint>
#include <vector>

#include "samplers/sampler.hpp"
#include "samplers/tiers/ebpf.h"

namespace sampan {

class RecordReader {
 public:
  // Fills the snapshot; its spans hold until the next read, or as long as `rest` does. False where sizes do not agree.
  bool read(const sampan_record& record, Bytes rest, ThreadSnapshot& snapshot);

 private:
  void take_registers(const sampan_registers& raw);

  std::vector<std::uint64_t> addresses_, kernel_;
  Registers registers_;
};

}  // namespace sampan

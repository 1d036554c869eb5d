// The runtimes' own walks in the kernel: BPF objects of samplers/kernel/walk.bpf.h, loaded with the first process that
// needs one, reached from the tier's programs by tail call.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "samplers/base/result.hpp"
#include "samplers/base/cursor.hpp"

struct bpf_object;

namespace sampan {

class EbpfWalks {
 public:
  // `tier`, the loaded object of the tier's programs, outlives this; `waiting`: threads that wait are walked too.
  EbpfWalks(bpf_object* tier, bool waiting) : tier_(tier), waiting_(waiting) {}

  // The index by which the tier's programs find the walk of `object` (a BPF object's bytes, which outlive this); loaded
  // where it is not yet. Fails with a sentence where the kernel refuses it.
  Result<std::uint32_t> index_of(Bytes object);
  // What the walk is given for a process.
  Result<void> put(std::uint32_t index, pid_t pid, Bytes layout);
  void remove(pid_t pid);

 private:
  struct Close {
    void operator()(bpf_object* object) const;
  };
  struct Walk {
    const std::byte* bytes;
    std::unique_ptr<bpf_object, Close> object;
    int processes;
  };
  // Before 6.1 a perf event's programs may use preallocated maps only: tried where the kernel takes no other.
  Result<Walk> load(Bytes object, std::uint32_t index, bool preallocated);

  bpf_object* tier_;
  bool waiting_;
  std::vector<Walk> walks_;   // index - 1
};

}  // namespace sampan

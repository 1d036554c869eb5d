// What a kernel's walk of an interpreter sent is as hostile as its memory: any bytes, with flags that exist.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "samplers/sampler.hpp"

namespace sampan {

// Walks thread 77 by those bytes (at least four), where its runtime has a walk in the kernel.
inline void walk_sent(Walker& walker, const std::uint8_t* data, std::size_t size, std::vector<FrameId>& frames) {
  if (!walker.kernel_walk()) return;
  const Bytes all = std::as_bytes(std::span(data, size));
  std::vector<std::byte> sent(all.begin(), all.end());
  const std::uint32_t flags = data[0] & 3;
  std::memcpy(sent.data(), &flags, sizeof flags);
  ThreadSnapshot snapshot;
  snapshot.inner_tid = 77;
  snapshot.interpreter = sent;
  frames.clear();
  walker.walk(snapshot, frames);
}

}  // namespace sampan

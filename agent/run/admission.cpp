#include "agent/run/admission.hpp"

#include <algorithm>
#include <cstdint>

namespace sampan {
namespace {

// Maps may be read where memory may not: a seccomp profile forbids the one call. One file may have been cut off.
bool memory_readable(const Process& process) {
  constexpr int kMostTried = 16;
  int tried = 0;
  for (const Mapping& mapping : process.maps) {
    if (!mapping.readable || mapping.path.empty() || mapping.path[0] != '/') continue;
    std::uint64_t word = 0;
    if (process.memory->read_into(mapping.start, word)) return true;
    if (++tried == kMostTried) break;
  }
  return tried == 0;
}

// By its program's header and by where all of it lies: a 64-bit program may map a 32-bit one as data.
bool is_32_bit(const Process& process) {
  constexpr std::uint64_t kEnd = std::uint64_t{1} << 32;
  constexpr std::uint8_t kElf32[] = {0x7f, 'E', 'L', 'F', 1};
  std::uint8_t head[sizeof kElf32] = {};
  bool found = false;
  for (const Mapping& mapping : process.maps) {
    if (mapping.end > kEnd) return false;
    if (found || mapping.offset != 0 || mapping.file.inode == 0 || !mapping.readable) continue;
    found = process.memory->read_into(mapping.start, head) && std::equal(std::begin(head), std::end(head), std::begin(kElf32));
  }
  return found;
}

}  // namespace

Result<void> admit(const Process& process) {
  const pid_t pid = process.id.pid;
  if (!memory_readable(process)) {
    if (identify(pid) != process.id || read_maps(pid).empty()) return fail(Exit::TargetEnded, "process {} has ended", pid);
    return fail(Exit::NotPermitted, "the memory of process {} may not be read", pid);
  }
  if (is_32_bit(process)) return fail(Exit::CannotSample, "process {} is a 32-bit program: only 64-bit ones can be sampled", pid);
  return {};
}

}  // namespace sampan

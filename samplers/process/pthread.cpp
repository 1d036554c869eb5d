#include "samplers/process/pthread.hpp"

#include <array>

namespace sampan {
namespace {

constexpr std::uint64_t kGlibcX86 = 720;   // struct pthread.tid, glibc 2.3 to 2.41 on x86_64
constexpr std::uint64_t kSpan = 1024;      // musl keeps it far below, glibc on arm64 too

}  // namespace

bool PthreadIds::learn(Memory& memory, std::uint64_t descriptor, pid_t inner_tid) {
  if (descriptor == 0 || inner_tid <= 0) return false;
  pid_t found = 0;
  if (memory.read_into(descriptor + kGlibcX86, found) && found == inner_tid) return offset_ = kGlibcX86, true;
  std::array<pid_t, kSpan / sizeof(pid_t)> words;
  if (!memory.read(descriptor, std::as_writable_bytes(std::span(words)))) return false;
  // The first words hold pointers, whose halves may equal a small id: they are tried last of all, by not trying them.
  for (std::size_t i = 8; i < words.size(); ++i) {
    if (words[i] == inner_tid) return offset_ = i * sizeof(pid_t), true;
  }
  return false;
}

std::optional<pid_t> PthreadIds::tid(Memory& memory, std::uint64_t descriptor) const {
  pid_t found = 0;
  if (offset_ == 0 || descriptor == 0 || !memory.read_into(descriptor + offset_, found) || found <= 0) return {};
  return found;
}

}  // namespace sampan

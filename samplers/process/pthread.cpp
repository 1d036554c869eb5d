#include "samplers/process/pthread.hpp"

#include <algorithm>
#include <array>

namespace sampan {
namespace {

// Of struct pthread.tid: glibc x86_64 (2.3 to 2.41) and aarch64, musl x86_64 and aarch64.
constexpr std::size_t kKnownOffsets[] = {720, 208, 48, 32};
constexpr std::size_t kMostWords = 512;
constexpr std::size_t kFirstWord = 8;          // those before hold pointers, whose halves may equal a small id
constexpr std::size_t kMostDescriptors = 64;

using Words = std::array<pid_t, kMostWords>;

// How many words of the descriptor can be read: the last pages of a stack's mapping may end before all are.
std::size_t read_words(Memory& memory, std::uint64_t descriptor, Words& words) {
  for (std::size_t count = words.size(); count > kFirstWord; count /= 2) {
    if (memory.read(descriptor, std::as_writable_bytes(std::span(words).first(count)))) return count;
  }
  return 0;
}

}  // namespace

bool PthreadIds::learn(Memory& memory, std::span<const std::uint64_t> descriptors, const std::set<pid_t>& inner_tids) {
  std::array<int, kMostWords> votes{};
  Words words{};
  for (const std::uint64_t descriptor : descriptors.first(std::min(descriptors.size(), kMostDescriptors))) {
    const std::size_t count = descriptor == 0 ? 0 : read_words(memory, descriptor, words);
    for (std::size_t i = kFirstWord; i < count; ++i) votes[i] += words[i] > 0 && inner_tids.contains(words[i]);
  }
  const auto most = std::max_element(votes.begin(), votes.end());
  if (*most == 0) return false;
  offset_ = static_cast<std::size_t>(most - votes.begin()) * sizeof(pid_t);
  const auto known = std::find_if(std::begin(kKnownOffsets), std::end(kKnownOffsets),
                                  [&](std::size_t offset) { return votes[offset / sizeof(pid_t)] == *most; });
  if (known != std::end(kKnownOffsets)) offset_ = *known;
  return true;
}

std::optional<pid_t> PthreadIds::tid(Memory& memory, std::uint64_t descriptor) const {
  pid_t found = 0;
  if (offset_ == 0 || descriptor == 0 || !memory.read_into(descriptor + offset_, found) || found <= 0) return {};
  return found;
}

}  // namespace sampan

#include "flamegraph/formats/seen_stacks.hpp"

#include <cstring>

namespace sampan {
namespace {

constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15u;

std::uint64_t load(const char* at) {
  std::uint64_t word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

// Four lanes, so that no multiplication waits for the one before. Equal texts are compared anyway.
std::uint32_t hash_of(std::string_view text) {
  std::uint64_t lanes[4] = {text.size(), 1, 2, 3};
  std::size_t at = 0;
  for (; at + 32 <= text.size(); at += 32) {
    for (std::size_t lane = 0; lane < 4; ++lane) lanes[lane] = (lanes[lane] ^ load(text.data() + at + lane * 8)) * kOdd;
  }
  for (; at + 8 <= text.size(); at += 8) lanes[0] = (lanes[0] ^ load(text.data() + at)) * kOdd;
  for (; at < text.size(); ++at) lanes[1] = (lanes[1] ^ static_cast<unsigned char>(text[at])) * kOdd;
  std::uint64_t hash = lanes[0];
  for (std::size_t lane = 1; lane < 4; ++lane) hash = (hash ^ (hash >> 32) ^ lanes[lane]) * kOdd;
  return static_cast<std::uint32_t>(hash >> 32);
}

}  // namespace

NodeId SeenStacks::find(std::string_view stack) {
  hash_ = hash_of(stack);
  const std::size_t mask = slots_.size() - 1;
  for (slot_ = hash_ & mask; slots_[slot_] != 0; slot_ = (slot_ + 1) & mask) {
    const Stack& known = stacks_[slots_[slot_]];
    if (known.hash != hash_ || known.size != stack.size() || std::memcmp(known.text, stack.data(), stack.size()) != 0) continue;
    ++found_;
    follow(slots_[slot_]);
    return known.node;
  }
  return Profile::kRoot;
}

void SeenStacks::keep(std::string_view stack, NodeId node) {
  if (stack.size() > 0xffffffff) return;
  if (stacks_.size() == kMost) {
    if (found_ < kMost) slots_.clear();   // more stacks than can be kept, and few that repeat: no more of it
    return;
  }
  slots_[slot_] = static_cast<std::uint32_t>(stacks_.size());
  stacks_.push_back({stack.data(), static_cast<std::uint32_t>(stack.size()), hash_, node, 0});
  follow(slots_[slot_]);
  if (stacks_.size() * 2 > slots_.size()) grow();
}

void SeenStacks::grow() {
  std::vector<std::uint32_t> wider(slots_.size() * 4);
  for (std::uint32_t id = 1; id < stacks_.size(); ++id) {
    std::size_t slot = stacks_[id].hash & (wider.size() - 1);
    while (wider[slot] != 0) slot = (slot + 1) & (wider.size() - 1);
    wider[slot] = id;
  }
  slots_ = std::move(wider);
}

}  // namespace sampan

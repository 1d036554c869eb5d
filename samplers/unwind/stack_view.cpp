#include "samplers/unwind/stack_view.hpp"

#include <algorithm>

namespace sampan {
namespace {

constexpr std::size_t kStep = 64 * 1024;
constexpr std::size_t kMostBytes = std::size_t{16} << 20;

}  // namespace

void StackView::reset(Memory& memory, std::uint64_t start, Bytes copy, std::uint64_t limit) {
  memory_ = &memory;
  copy_ = {start, copy};
  limit_ = limit > start ? limit : start + kMostBytes;
  if (limit_ - start < copy.size()) copy_.bytes = copy.first(limit_ - start);
  extended_ = false;
}

bool StackView::extend() {
  const std::size_t have = copy_.bytes.size();
  if (!memory_ || have >= kMostBytes) return false;
  const std::uint64_t from = copy_.start + have;
  if (from >= limit_) return false;
  if (!extended_) own_.assign(copy_.bytes.begin(), copy_.bytes.end());
  extended_ = true;
  std::size_t more = std::min<std::uint64_t>(kStep, limit_ - from);
  own_.resize(have + more);
  // The last step may reach past what is mapped.
  while (more >= 8 && !memory_->read(from, std::span(own_).subspan(have, more))) {
    const std::uint64_t page = 4096 - from % 4096;
    more = more > page ? std::max<std::size_t>(page, more / 2 / 4096 * 4096) : 0;
    own_.resize(have + more);
  }
  if (more < 8) own_.resize(have);
  copy_.bytes = own_;
  return more >= 8;
}

std::optional<std::uint64_t> StackView::word(std::uint64_t address) {
  if (!holds(address) || address % 8 != 0) return {};
  for (;;) {
    if (const auto value = copy_.word(address)) return value;
    if (!extend()) return {};
  }
}

}  // namespace sampan

#include "samplers/java/interpreter.hpp"

#include <algorithm>
#include <array>

#include "samplers/base/cursor.hpp"

namespace sampan::java {
namespace {

constexpr std::size_t kMostCodelets = 4096;
constexpr std::uint64_t kMostBytes = std::uint64_t{16} << 20;

}  // namespace

std::vector<Codelet> read_codelets(Memory& memory, const Layout& layout) {
  std::vector<Codelet> codelets;
  if (!layout.interpreter_code || layout.queue_buffer == kAbsent || layout.queue_limit == kAbsent) return codelets;
  if (layout.codelet_size == kAbsent || layout.codelet_description == kAbsent || layout.codelet_bytes < 16) return codelets;
  const auto queue = memory.read_as<std::uint64_t>(layout.interpreter_code);
  if (!queue) return codelets;
  const auto buffer = memory.read_as<std::uint64_t>(queue + static_cast<std::uint64_t>(layout.queue_buffer));
  const std::uint64_t limit = memory.read_as<std::uint32_t>(queue + static_cast<std::uint64_t>(layout.queue_limit));
  if (limit > kMostBytes) return codelets;
  for (std::uint64_t at = 0; at + layout.codelet_bytes <= limit && codelets.size() < kMostCodelets;) {
    std::array<std::byte, 64> head{};
    if (!memory.read(buffer + at, std::span(head).first(std::min<std::size_t>(layout.codelet_bytes, head.size())))) break;
    const std::uint64_t size = read_at<std::uint32_t>(head, static_cast<std::size_t>(layout.codelet_size));
    if (size < 8 || size > limit - at) break;
    Codelet codelet{buffer + at, buffer + at + size, {}, false};
    codelet.description = read_c_string(memory, read_at<std::uint64_t>(head, static_cast<std::size_t>(layout.codelet_description)));
    codelet.is_entry = codelet.description.find("entry point (kind") != std::string::npos;
    codelets.push_back(std::move(codelet));
    at += size;
  }
  return codelets;
}

const Codelet* find_codelet(const std::vector<Codelet>& codelets, std::uint64_t pc) {
  const auto after = std::upper_bound(codelets.begin(), codelets.end(), pc, [](std::uint64_t a, const Codelet& c) { return a < c.start; });
  if (after == codelets.begin()) return nullptr;
  return pc < std::prev(after)->end ? &*std::prev(after) : nullptr;
}

}  // namespace sampan::java

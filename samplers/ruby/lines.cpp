#include "samplers/ruby/lines.hpp"

#include <array>
#include <bit>

namespace sampan::ruby {
namespace {

// succ_index_table (iseq.c): for the first 54 positions seven bits each, nine to a word; then blocks of 512 positions
// {rank, ranks of its eight words (nine bits each, the first is 0), bits}. The rank of a position is the number of its entry, from 1.
constexpr std::uint64_t kImmediate = 54;
constexpr std::uint64_t kImmediateBytes = kImmediate / 9 * 8;
struct Block {
  std::uint32_t rank, padding;
  std::uint64_t word_ranks;
  std::uint64_t bits[8];
};

std::optional<std::uint64_t> find_rank(Memory& memory, std::uint64_t table, std::uint64_t position) {
  if (position < kImmediate) {
    std::uint64_t word = 0;
    if (!memory.read_into(table + position / 9 * 8, word)) return {};
    return word >> position % 9 * 7 & 0x7f;
  }
  position -= kImmediate;
  Block block;
  if (!memory.read_into(table + kImmediateBytes + position / 512 * sizeof(Block), block)) return {};
  const auto word = static_cast<unsigned>(position % 512 / 64);
  const std::uint64_t before = word == 0 ? 0 : block.word_ranks >> (word - 1) * 9 & 0x1ff;
  return block.rank + before + static_cast<unsigned>(std::popcount(block.bits[word] << (63 - position % 64)));
}

// 2.5: entries hold their positions, in order; the last that is not after ours.
std::optional<std::uint64_t> search_rank(Memory& memory, const Layout& layout, std::uint64_t entries, std::uint64_t size, std::uint64_t position) {
  std::uint64_t low = 0, high = size;
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    std::uint32_t at = 0;
    if (!memory.read_into(entries + middle * layout.body.entry_size, at)) return {};
    if (at <= position) low = middle + 1;
    else high = middle;
  }
  return low;
}

}  // namespace

std::optional<std::uint32_t> find_line(Memory& memory, const Layout& layout, std::uint64_t body, std::uint64_t position) {
  std::uint64_t entries = 0, table = 0;
  std::uint32_t size = 0;
  const bool indexed = layout.body.insns_index != kNone;
  if (!memory.read_into(body + layout.body.insns, entries) || !memory.read_into(body + layout.body.insns_size, size) || size == 0) return {};
  if (indexed && !memory.read_into(body + layout.body.insns_index, table)) return {};
  std::optional<std::uint64_t> rank = 1;
  if (size > 1) rank = indexed ? find_rank(memory, table, position) : search_rank(memory, layout, entries, size, position);
  if (!rank || *rank == 0 || *rank > size) return {};
  std::uint32_t line = 0;
  if (!memory.read_into(entries + (*rank - 1) * layout.body.entry_size + layout.body.entry_line, line) || line > 1u << 28) return {};
  return line;
}

}  // namespace sampan::ruby

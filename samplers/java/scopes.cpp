#include "samplers/java/scopes.hpp"

#include <algorithm>
#include <array>

#include "samplers/java/unsigned5.hpp"

namespace sampan::java {
namespace {

constexpr std::size_t kPcDescBytes = 16;   // pc offset, scope offset, object offset, flags: ints
constexpr std::uint64_t kMostPcDescBytes = std::uint64_t{4} << 20;
constexpr unsigned kMostInlining = 256;

}  // namespace

std::int32_t find_scope(Bytes descs, std::int32_t pc_offset, bool& exact) {
  std::size_t low = 0, high = descs.size() / kPcDescBytes;
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    if (read_at<std::int32_t>(descs, middle * kPcDescBytes) < pc_offset) low = middle + 1;
    else high = middle;
  }
  const auto scope = [&](std::size_t at) { return read_at<std::int32_t>(descs, at * kPcDescBytes + 4); };
  const std::size_t count = descs.size() / kPcDescBytes;
  exact = low < count && read_at<std::int32_t>(descs, low * kPcDescBytes) == pc_offset;
  if (low < count && scope(low) > 0) return scope(low);
  // Behind the last place that the compiler recorded comes a mark without a scope: what runs there belongs to that place.
  exact = false;
  for (low = std::min(low, count); low-- > 0;) {
    if (scope(low) > 0) return scope(low);
  }
  return 0;
}

bool read_scopes(Memory& memory, const Layout& layout, const Blob& blob, std::uint64_t pc, std::vector<Scope>& scopes,
                 bool* is_call) {
  scopes.clear();
  if (blob.pcs_end <= blob.pcs || blob.pcs_end - blob.pcs > kMostPcDescBytes) return false;
  std::vector<std::byte> descs(blob.pcs_end - blob.pcs);
  if (!memory.read(blob.pcs, descs)) return false;
  bool exact = false;
  std::int32_t offset = find_scope(descs, static_cast<std::int32_t>(pc - blob.code), exact);
  if (is_call) *is_call = exact;
  for (unsigned depth = 0; offset > 0; ++depth) {
    // Three numbers of at most five bytes each.
    std::array<std::byte, 15> bytes;
    if (depth >= kMostInlining || !memory.read(blob.scopes + static_cast<std::uint64_t>(offset), bytes)) return false;
    Cursor cursor(bytes);
    const auto sender = static_cast<std::int32_t>(read_unsigned5(cursor, layout.unsigned5_excludes));
    const auto method = read_unsigned5(cursor, layout.unsigned5_excludes);
    const auto bci = static_cast<std::int32_t>(read_unsigned5(cursor, layout.unsigned5_excludes)) - 1;
    if (method == 0 || method > 1'000'000 || sender < 0 || sender >= (1 << 28) || sender == offset) return false;
    Scope scope{0, std::max(bci, 0)};   // -1: the method's entry, where it locks (SynchronizationEntryBCI)
    if (!memory.read_into(blob.metadata + std::uint64_t{method - 1} * 8, scope.method)) return false;
    scopes.push_back(scope);
    offset = sender;
  }
  return !scopes.empty();
}

}  // namespace sampan::java

#include "samplers/node/codes.hpp"

#include <algorithm>

#include "samplers/base/clock.hpp"

namespace sampan::node {
namespace {

// Optimised code ends at some 20 KB; the baseline code of TypeScript's createTypeChecker, one function, takes hundreds.
constexpr std::size_t kWindow = 4096, kWidestWindow = 64 * 1024, kMostSearched = 4u << 20;   // the last: of a walk
constexpr std::uint64_t kMostCode = 8u << 20;
constexpr std::size_t kMostHeaders = 32, kMostCodes = 20'000, kMostStrangers = 64;
constexpr std::size_t kMostElements = 1 << 16, kMostTable = 4u << 20, kMostSafepoints = 1u << 20;
constexpr std::int32_t kElements = 16;
constexpr std::int32_t kKindMask = 15;

}  // namespace

bool Codes::is_header(std::uint64_t map_word) {
  if (std::find(headers_.begin(), headers_.end(), map_word) != headers_.end()) return true;
  if (heap_.type_of_map(map_word) != heap_.layout().types.stream) return false;
  if (headers_.size() >= kMostHeaders) headers_.erase(headers_.begin());
  headers_.push_back(map_word);
  return true;
}

std::optional<Code> Codes::read(std::uint64_t stream, std::uint64_t pc) const {
  const Row& row = heap_.layout().row;
  Code code;
  code.stream = stream;
  const bool apart = row.stream_code != kAbsent;
  code.object = apart ? heap_.field(stream, row.stream_code) : stream | 1;
  if (apart && !heap_.is(code.object, heap_.layout().types.code)) return {};
  code.start = apart ? heap_.field(code.object, row.code_start) : stream + static_cast<std::uint64_t>(row.code_start);
  code.size = heap_.memory().read_as<std::uint32_t>(object_of(code.object) + static_cast<std::uint64_t>(row.code_size));
  const auto flags = heap_.memory().read_as<std::uint32_t>(object_of(code.object) + static_cast<std::uint64_t>(row.code_flags));
  if (code.start < stream || code.start - stream > 256 || code.size > kMostCode || !code.holds(pc)) return {};
  const auto kind = static_cast<std::int32_t>(flags) & kKindMask;
  if (kind == row.kind_baseline) code.kind = CodeKind::Baseline;
  else if (kind == row.kind_maglev) code.kind = CodeKind::Maglev;
  else if (kind > row.kind_baseline && kind <= row.kind_turbofan) code.kind = CodeKind::Turbofan;
  else if (kind == row.kind_regexp) code.kind = CodeKind::Regexp;
  const auto watched = [&](std::uint64_t object, std::int32_t offset) {
    const std::uint64_t value = heap_.field(object, offset);
    code.witnesses.push_back({object_of(object) + static_cast<std::uint64_t>(std::int64_t{offset}), value});
    return value;
  };
  watched(stream, 0);
  if (apart) watched(stream, row.stream_code), watched(code.object, row.code_start);
  watched(code.object, row.code_size & ~7);
  code.deopt = watched(code.object, row.code_deopt);
  code.positions_word = watched(code.object, row.code_positions);
  // Each optimisation bears a number of its own.
  if (code.kind >= CodeKind::Maglev && is_object(code.deopt)) watched(code.deopt, kElements + row.deopt_id * 8);
  return code;
}

std::optional<std::uint64_t> Codes::scan(std::uint64_t pc, std::uint64_t low) {
  std::size_t strangers = 0, window = kWindow;
  std::uint64_t end = pc & ~std::uint64_t{7};
  for (; end > low && searched_ < kMostSearched; window = std::min(window * 2, kWidestWindow)) {
    const std::uint64_t from = std::max(low, (end - 1) & ~std::uint64_t{window - 1});
    window_.resize(end - from);
    searched_ += window_.size();
    if (!heap_.memory().read(from, window_)) return {};
    for (std::size_t at = window_.size(); at >= 8; at -= 8) {
      const auto word = read_at<std::uint64_t>(window_, at - 8);
      if (!is_object(word)) continue;
      const bool known = std::find(headers_.begin(), headers_.end(), word) != headers_.end();
      if (!known && (++strangers > kMostStrangers || !is_header(word))) continue;
      return from + at - 8;
    }
    end = from;
  }
  return {};
}

Code* Codes::find(std::uint64_t pc, std::uint64_t low) {
  const auto after = codes_.upper_bound(pc);
  if (after != codes_.begin()) {
    Code& known = std::prev(after)->second;
    if (known.holds(pc)) return &known;
  }
  if (missed_.contains(pc)) return nullptr;
  const auto stream = scan(pc, low);
  auto code = stream ? read(*stream, pc) : std::nullopt;
  if (!code) return missed_.insert(pc), nullptr;
  const std::uint64_t start = code->start;
  code->since = now_ns();
  return &(codes_[start] = std::move(*code));
}

void Codes::read_deoptimization(Code& code) const {
  const Row& row = heap_.layout().row;
  Deoptimization& data = code.deoptimization;
  const auto words = heap_.array(code.deopt, 8, kMostElements * 8);
  for (std::size_t at = 0; at + 8 <= words.size(); at += 8) data.elements.push_back(read_at<std::uint64_t>(words, at));
  if (data.elements.size() <= static_cast<std::size_t>(row.deopt_inlining)) return data.elements.clear();
  // A PodArray: its length counts bytes.
  data.inlinings = heap_.array(data.elements[static_cast<std::size_t>(row.deopt_inlining)], 1, kMostTable);
  if (!row.deopts) return;
  data.translations = heap_.array(data.elements[0], 1, kMostTable);
  const std::uint64_t table = code.start + code.size;
  std::uint32_t length[2] = {};
  const std::uint64_t at = table + (row.deopts->safepoint_words == 3 ? 4u : 0u);
  if (!heap_.memory().read(at, std::as_writable_bytes(std::span(length)))) return;
  const std::size_t most = std::size_t{length[0]} * 32 + 64;
  if (most > kMostSafepoints) return;
  data.safepoints.resize(most);
  std::size_t got = most;
  while (got >= 64 && !heap_.memory().read(table, std::span(data.safepoints).first(got))) got /= 2;
  data.safepoints.resize(got >= 64 ? got : 0);
}

void Codes::read_tables(Code& code) {
  if (code.tables_read || code.kind < CodeKind::Baseline) return;
  code.tables_read = true;
  const auto table = heap_.array(code.positions_word, 1, kMostTable);
  if (code.kind == CodeKind::Baseline) {
    code.offsets = table;
  } else {
    code.positions = decode_positions(table, heap_.layout().row.positions_shifted);
    read_deoptimization(code);
    watch_elements(code);
  }
}

// The literals and the function itself are kept by their addresses: a collection may move them and leave the rest.
void Codes::watch_elements(Code& code) const {
  const Row& row = heap_.layout().row;
  const auto& elements = code.deoptimization.elements;
  for (const std::int16_t number : {row.deopt_literals, row.deopt_shared}) {
    const auto at = static_cast<std::size_t>(number);
    if (at < elements.size()) code.witnesses.push_back({object_of(code.deopt) + kElements + at * 8, elements[at]});
  }
}

void Codes::forget(std::uint64_t start) { codes_.erase(start); }

void Codes::trim() {
  searched_ = 0;
  missed_.clear();
  if (codes_.size() >= kMostCodes) codes_.clear();
}

}  // namespace sampan::node

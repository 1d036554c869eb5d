// Reading folded text. Neighbouring lines share most of their stack, so a line is compared with the
// one before and parsed only from the first frame that differs; of large inputs, whole stacks are remembered too.
#include <bit>
#include <charconv>
#include <cstring>
#include <optional>
#include <vector>

#include "flamegraph/formats/folded.hpp"
#include "flamegraph/formats/seen_stacks.hpp"
#include "flamegraph/label.hpp"

namespace sampan {
namespace {

constexpr std::uint64_t kMost = std::uint64_t{1} << 53;  // what a double, and so every viewer, counts exactly

std::uint64_t load(const char* at) {
  std::uint64_t word;
  std::memcpy(&word, at, sizeof word);
  if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
  return word;
}

std::size_t common_prefix(std::string_view a, std::string_view b) {
  const std::size_t size = std::min(a.size(), b.size());
  const auto differs = [&](std::size_t at) { return load(a.data() + at) ^ load(b.data() + at); };
  std::size_t at = 0;
  while (at + 32 <= size && (differs(at) | differs(at + 8) | differs(at + 16) | differs(at + 24)) == 0) at += 32;
  for (; at + 8 <= size; at += 8) {
    if (const auto bits = differs(at); bits != 0) return at + static_cast<std::size_t>(std::countr_zero(bits)) / 8;
  }
  while (at < size && a[at] == b[at]) ++at;
  return at;
}

std::uint64_t mix(std::uint64_t hash, std::uint64_t word) {
  hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
  return hash ^ (hash >> 32);
}

struct Word {
  std::size_t size;
  std::uint64_t hash;
};

// The frame at the start of `text`, up to `;` or the end, hashed in the same pass.
Word next_frame(std::string_view text) {
  std::uint64_t hash = 0;
  std::size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    const std::uint64_t word = load(text.data() + at);
    const std::uint64_t x = word ^ 0x3b3b3b3b3b3b3b3bu;
    const std::uint64_t hit = (x - 0x0101010101010101u) & ~x & 0x8080808080808080u;
    if (hit != 0) {
      const auto bytes = static_cast<std::size_t>(std::countr_zero(hit)) / 8;
      return {at + bytes, mix(hash, (word & ((std::uint64_t{1} << (bytes * 8)) - 1)) ^ (at + bytes))};
    }
    hash = mix(hash, word);
  }
  std::uint64_t word = 0;
  std::size_t bytes = 0;
  for (; at + bytes < text.size() && text[at + bytes] != ';'; ++bytes) {
    word |= static_cast<std::uint64_t>(static_cast<unsigned char>(text[at + bytes])) << (bytes * 8);
  }
  return {at + bytes, mix(hash, word ^ (at + bytes))};
}

// Name text -> frame, open-addressed; the texts stay where they are in the input.
class Names {
 public:
  explicit Names(Profile& profile) : profile_(profile), slots_(1024) {}

  FrameId find(std::string_view name, std::uint64_t hash) {
    if (used_ * 2 > slots_.size()) grow();
    std::size_t at = hash & (slots_.size() - 1);
    for (; slots_[at].text != nullptr; at = (at + 1) & (slots_.size() - 1)) {
      const Slot& slot = slots_[at];
      if (slot.hash == hash && slot.size == name.size() && std::memcmp(slot.text, name.data(), name.size()) == 0) {
        return slot.frame;
      }
    }
    ++used_;
    return (slots_[at] = {hash, name.data(), name.size(), profile_.intern(parse_label(name))}).frame;
  }

 private:
  struct Slot {
    std::uint64_t hash = 0;
    const char* text = nullptr;
    std::size_t size = 0;
    FrameId frame = 0;
  };
  void grow() {
    std::vector<Slot> wider(slots_.size() * 4);
    for (const Slot& slot : slots_) {
      if (slot.text == nullptr) continue;
      std::size_t at = slot.hash & (wider.size() - 1);
      while (wider[at].text != nullptr) at = (at + 1) & (wider.size() - 1);
      wider[at] = slot;
    }
    slots_ = std::move(wider);
  }
  Profile& profile_;
  std::vector<Slot> slots_;
  std::size_t used_ = 0;
};

struct Count {
  std::string_view stack;
  std::uint64_t weight;
  bool fraction;
};

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

void trim(std::string_view& line) {
  while (!line.empty() && is_space(line.back())) line.remove_suffix(1);
}

// `stack count`, the count whole or with a fraction, which is rounded.
std::optional<Count> split(std::string_view line) {
  trim(line);
  std::size_t at = line.size();
  while (at > 0 && is_digit(line[at - 1])) --at;
  const bool fraction = at > 0 && line[at - 1] == '.';
  std::size_t whole_end = line.size();
  if (fraction) {
    whole_end = --at;
    while (at > 0 && is_digit(line[at - 1])) --at;
  }
  if (at == whole_end || at == 0 || !is_space(line[at - 1])) return {};
  std::uint64_t weight = 0;
  const auto [end, error] = std::from_chars(line.data() + at, line.data() + whole_end, weight);
  if (error != std::errc{} || weight > kMost) return {};
  if (fraction && whole_end + 1 < line.size() && line[whole_end + 1] >= '5') ++weight;
  line.remove_suffix(line.size() - at);
  trim(line);
  if (line.empty()) return {};
  return Count{line, weight, fraction};
}

constexpr std::size_t kWorthKeeping = 4'000'000;  // bytes of input

class Reader {
 public:
  Reader(Profile& profile, Counts counts, std::size_t size)
      : profile_(profile), names_(profile), seen_(size >= kWorthKeeping && counts != Counts::Both), counts_(counts) {}

  FoldedRead read(std::string_view text) {
    while (!text.empty()) {
      ++read_.lines;
      while (!text.empty() && is_space(text[0])) text.remove_prefix(1);
      if (const std::size_t size = expected(text); size != 0) {
        text.remove_prefix(size);
        continue;
      }
      const auto* newline = static_cast<const char*>(std::memchr(text.data(), '\n', text.size()));
      const std::size_t size = newline != nullptr ? static_cast<std::size_t>(newline - text.data()) : text.size();
      line(text.substr(0, size));
      text.remove_prefix(newline != nullptr ? size + 1 : size);
    }
    return read_;
  }

 private:
  // Takes a line whose stack is the one that followed the last one before, and which ends in a plain count: its size.
  std::size_t expected(std::string_view text) {
    const auto& stack = seen_.expected();
    if (stack.text == nullptr || text.size() < stack.size + std::size_t{3} || text[stack.size] != ' ' ||
        std::memcmp(text.data(), stack.text, stack.size) != 0) return 0;
    constexpr std::size_t kDigits = 15;  // below kMost
    const std::size_t first = stack.size + std::size_t{1}, last = std::min(text.size() - 1, first + kDigits);
    std::uint64_t weight = 0;
    std::size_t at = first;
    for (; at < last && is_digit(text[at]); ++at) weight = weight * 10 + static_cast<std::uint64_t>(text[at] - '0');
    if (at == first || text[at] != '\n' || weight > kMost - sum_) return 0;
    take(stack.node, weight);
    seen_.step();
    return at + 1;
  }

  void take(NodeId at, std::uint64_t weight) {
    sum_ += weight;
    Node& node = profile_.node(at);
    (counts_ == Counts::Baseline ? node.baseline : node.self) += weight;
  }

  void line(std::string_view line) {
    if (line.find_first_not_of("\r") == std::string_view::npos || line.starts_with("# ")) return;
    auto count = split(line);
    std::uint64_t before = 0;
    if (count && counts_ == Counts::Both) {
      const auto first = split(count->stack);
      if (first) before = first->weight, count->stack = first->stack;
      else count.reset();
    }
    if (!count || count->weight > kMost - sum_ || before > kMost - sum_ - count->weight) {
      if (read_.bad++ == 0) read_.first_bad_line = read_.lines;
      return;
    }
    read_.rounded += count->fraction;
    NodeId at = seen_.worth() ? seen_.find(count->stack) : Profile::kRoot;
    if (at == Profile::kRoot) {
      at = walk(count->stack);
      if (seen_.worth()) seen_.keep(count->stack, at);
    }
    take(at, count->weight);
    profile_.node(at).baseline += before;
    sum_ += before;
  }

  NodeId walk(std::string_view stack) {
    const std::size_t same = common_prefix(stack, last_);
    while (!path_.empty() && (path_.back().end >= same || path_.back().end >= stack.size())) path_.pop_back();
    NodeId at = path_.empty() ? Profile::kRoot : path_.back().node;
    std::size_t from = path_.empty() ? 0 : path_.back().end + 1;
    for (;;) {
      const Word word = next_frame(stack.substr(from));
      at = profile_.child(at, names_.find(stack.substr(from, word.size), word.hash));
      path_.push_back({from + word.size, at});
      from += word.size + 1;
      if (from > stack.size()) break;
    }
    last_ = stack;
    return at;
  }

  struct Step {
    std::size_t end;  // of the frame in the last line
    NodeId node;
  };
  Profile& profile_;
  Names names_;
  SeenStacks seen_;
  Counts counts_;
  FoldedRead read_;
  std::uint64_t sum_ = 0;
  std::string_view last_;
  std::vector<Step> path_;
};

}  // namespace

FoldedRead add_folded(Profile& profile, std::string_view text, Counts counts) {
  return Reader(profile, counts, text.size()).read(text);
}

bool has_two_counts(std::string_view text) {
  constexpr int kLooked = 100;
  int lines = 0;
  while (!text.empty() && lines < kLooked) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos || line.starts_with("# ")) continue;
    const auto after = split(line);
    if (!after || after->fraction || !split(after->stack)) return false;
    ++lines;
  }
  return lines > 0;
}

}  // namespace sampan

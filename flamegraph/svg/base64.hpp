// Numbers as LEB128 in base64: how the data layer holds them.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string>

namespace sampan {

// Two digits for each twelve bits.
inline constexpr auto kBase64Pairs = [] {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::array<std::array<char, 2>, 4096> pairs{};
  for (std::size_t bits = 0; bits < pairs.size(); ++bits) pairs[bits] = {kDigits[bits >> 6], kDigits[bits & 63]};
  return pairs;
}();

// Numbers as LEB128, encoded some kilobytes at a time.
class Base64 {
 public:
  explicit Base64(std::string& out) : out_(out) {}

  void number(std::uint64_t value) {
    if (size_ + 10 > bytes_.size()) flush();
    for (; value >= 0x80; value >>= 7) bytes_[size_++] = static_cast<std::uint8_t>(value | 0x80);
    bytes_[size_++] = static_cast<std::uint8_t>(value);
  }

  void finish() {
    flush();
    if (size_ == 0) return;
    const std::size_t missing = 3 - size_;
    while (size_ < 3) bytes_[size_++] = 0;
    flush();
    out_.replace(out_.size() - missing, missing, missing, '=');
  }

 private:
  // Writes whole groups of three bytes; up to two stay.
  void flush() {
    const std::size_t whole = size_ / 3 * 3;
    std::size_t to = out_.size();
    out_.resize(to + whole / 3 * 4);
    for (std::size_t at = 0; at < whole; at += 3, to += 4) {
      const std::uint32_t group = std::uint32_t{bytes_[at]} << 16 | std::uint32_t{bytes_[at + 1]} << 8 | bytes_[at + 2];
      std::memcpy(out_.data() + to, kBase64Pairs[group >> 12].data(), 2);
      std::memcpy(out_.data() + to + 2, kBase64Pairs[group & 4095].data(), 2);
    }
    std::copy(bytes_.begin() + static_cast<std::ptrdiff_t>(whole), bytes_.begin() + static_cast<std::ptrdiff_t>(size_), bytes_.begin());
    size_ -= whole;
  }

  std::string& out_;
  std::array<std::uint8_t, 3072> bytes_{};
  std::size_t size_ = 0;
};

}  // namespace sampan

// Bounds-checked reading of untrusted bytes: a read past the end yields zero and marks the cursor bad.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

namespace sampan {

using Bytes = std::span<const std::byte>;

// The T at an offset, or zero where it does not lie inside.
template <typename T>
T read_at(Bytes bytes, std::size_t offset) {
  static_assert(std::is_trivially_copyable_v<T>);
  T value{};
  if (offset <= bytes.size() && bytes.size() - offset >= sizeof(T)) std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

class Cursor {
 public:
  explicit Cursor(Bytes bytes) : bytes_(bytes) {}

  template <typename T>
  T read() {
    if (!take(sizeof(T))) return T{};
    T value;
    std::memcpy(&value, bytes_.data() + at_ - sizeof(T), sizeof(T));
    return value;
  }
  std::uint64_t uleb128() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
      const auto byte = read<std::uint8_t>();
      if (shift < 64) value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (!(byte & 0x80)) return value;
    }
    bad_ = true;
    return 0;
  }
  std::int64_t sleb128() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
      const auto byte = read<std::uint8_t>();
      if (shift < 64) value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte & 0x80) continue;
      if ((byte & 0x40) && shift + 7 < 64) value |= ~std::uint64_t{0} << (shift + 7);
      return static_cast<std::int64_t>(value);
    }
    bad_ = true;
    return 0;
  }
  // A zero-terminated string; without its zero the cursor is bad.
  std::string_view string() {
    const auto rest = bytes_.subspan(at_);
    const void* end = rest.empty() ? nullptr : std::memchr(rest.data(), 0, rest.size());
    if (!end) return bad_ = true, std::string_view{};
    const auto size = static_cast<std::size_t>(static_cast<const std::byte*>(end) - rest.data());
    at_ += size + 1;
    return {reinterpret_cast<const char*>(rest.data()), size};
  }
  Bytes bytes(std::size_t size) { return take(size) ? bytes_.subspan(at_ - size, size) : Bytes{}; }
  void skip(std::size_t size) { take(size); }
  void seek(std::size_t offset) {
    if (offset > bytes_.size()) bad_ = true;
    else at_ = offset;
  }
  std::size_t at() const { return at_; }
  std::size_t left() const { return bytes_.size() - at_; }
  bool bad() const { return bad_; }
  explicit operator bool() const { return !bad_ && left() > 0; }

 private:
  bool take(std::size_t size) {
    if (bad_ || left() < size) return bad_ = true, false;
    at_ += size;
    return true;
  }

  Bytes bytes_;
  std::size_t at_ = 0;
  bool bad_ = false;
};

}  // namespace sampan

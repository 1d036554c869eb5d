// A piece of a target's memory that a test builds word by word.
#pragma once

#include <functional>
#include <string_view>

#include "samplers/process/memory.hpp"

namespace sampan {

class Image final : public Memory {
 public:
  static constexpr std::uint64_t kBase = 0x100000;

  std::uint64_t allocate(std::size_t size) {
    const std::uint64_t at = kBase + bytes.size();
    bytes.resize((bytes.size() + size + 15) & ~std::size_t{15});
    return at;
  }
  template <typename T>
  void put(std::uint64_t address, const T& value) {
    std::memcpy(bytes.data() + (address - kBase), &value, sizeof value);
  }
  void put_text(std::uint64_t address, std::string_view text) {
    std::memcpy(bytes.data() + (address - kBase), text.data(), text.size());
  }

  std::size_t read_batch(std::span<const Read> reads) override {
    std::size_t done = 0;
    for (const Read& one : reads) {
      if (on_read) on_read(one.address);
      const std::uint64_t at = one.address - kBase;
      if (at > bytes.size() || bytes.size() - at < one.into.size()) {
        if (!elsewhere || !elsewhere(one)) return done;
      } else {
        std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), one.into.size(), one.into.begin());
      }
      ++done;
    }
    return done;
  }

  std::vector<std::byte> bytes;
  std::function<void(std::uint64_t)> on_read;              // before each read, with its address
  std::function<bool(const Read&)> elsewhere;              // serves what lies outside; false: unreadable
};

}  // namespace sampan

// A built image of memory that a fuzzer spoils: its input overwrites words anywhere in it, now or while it is read,
// and serves what lies outside.
#pragma once

#include "samplers/base/cursor.hpp"
#include "tests/samplers/image.hpp"

namespace sampan {

class Mutations {
 public:
  Mutations(Image& image, Bytes input) : image_(image), input_(input) {
    for (std::size_t i = 0; i < kPattern && !input.empty(); ++i) pattern_.push_back(input[i % input.size()]);
    for (unsigned count = input_.read<std::uint8_t>(); count > 0 && input_; --count) mutate();
    const auto outside = input_.read<std::uint8_t>();
    image_.on_read = [this](std::uint64_t) {
      if (++reads_ % 8 == 0 && input_) mutate();
    };
    if (outside & 1) image_.elsewhere = [this](const Read& read) { return serve(read); };
  }

 private:
  // A word becomes another of the image, an address in it, or whatever the input says.
  void mutate() {
    const auto kind = input_.read<std::uint8_t>();
    const auto where = input_.read<std::uint32_t>() % (image_.bytes.size() / 8) * 8;
    std::uint64_t word = 0;
    if (kind % 4 == 0) word = Image::kBase + input_.read<std::uint32_t>() % image_.bytes.size() / 8 * 8;
    else if (kind % 4 == 1) word = read_at<std::uint64_t>(image_.bytes, input_.read<std::uint32_t>() % (image_.bytes.size() / 8) * 8);
    else if (kind % 4 == 2) word = read_at<std::uint64_t>(image_.bytes, where) + input_.read<std::uint8_t>() - 128;
    else word = input_.read<std::uint64_t>();
    std::memcpy(image_.bytes.data() + where, &word, sizeof word);
  }
  bool serve(const Read& read) const {
    if (pattern_.empty() || read.address > (std::uint64_t{1} << 48)) return false;
    for (std::size_t done = 0; done < read.into.size();) {
      const std::size_t at = (read.address + done) % kPattern;
      const std::size_t size = std::min(kPattern - at, read.into.size() - done);
      std::memcpy(read.into.data() + done, pattern_.data() + at, size);
      done += size;
    }
    return true;
  }

  static constexpr std::size_t kPattern = 4096;
  Image& image_;
  Cursor input_;
  std::vector<std::byte> pattern_;
  unsigned reads_ = 0;
};

}  // namespace sampan

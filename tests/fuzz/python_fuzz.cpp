// CPython's walker over hostile memory: every address can be read and holds what the input says.
#include <algorithm>
#include <cstring>

#include "samplers/python/codes.hpp"
#include "samplers/python/find.hpp"
#include "samplers/python/frames.hpp"
#include "samplers/python/thread_names.hpp"
#include "samplers/python/threads.hpp"

namespace {

using namespace sampan;

// The input, over and over; an address that ends in 0xff8 cannot be read.
class HostileMemory final : public Memory {
 public:
  explicit HostileMemory(Bytes bytes) : bytes_(bytes) {}
  std::size_t read_batch(std::span<const Read> reads) override {
    std::size_t done = 0;
    for (const Read& read : reads) {
      if ((read.address & 0xfff) == 0xff8) return done;
      for (std::size_t i = 0; i < read.into.size(); ++i) read.into[i] = bytes_[(read.address + i) % bytes_.size()];
      ++done;
    }
    return done;
  }

 private:
  Bytes bytes_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 64 || size > 64 * 1024) return 0;
  const Bytes bytes = std::as_bytes(std::span(data, size));
  Process process{{}, "", {}, {}, std::make_unique<HostileMemory>(bytes)};
  Mapping mapping;
  mapping.end = 1 << 20;
  mapping.readable = true;
  mapping.file.inode = 1;
  process.maps.push_back(mapping);

  static constexpr std::uint32_t kVersions[] = {0x207, 0x306, 0x307, 0x308, 0x309, 0x30a, 0x30b, 0x30c};
  python::Interpreter interpreter;
  interpreter.offsets = *python::known_offsets(kVersions[data[0] % std::size(kVersions)]);
  if (auto own = python::debug_offsets(bytes)) interpreter.offsets = *own;
  interpreter.interpreters_head = 0x1000;

  ElfCache elfs;
  (void)python::find_pythons(process, elfs);
  python::ThreadStates threads(process, interpreter);
  threads.refresh(true);

  Profile profile;
  python::Codes codes(*process.memory, interpreter, profile, true);
  python::FrameReader reader(*process.memory, interpreter.offsets);
  python::ThreadState state;
  state.address = 0x2000;
  state.interp = read_at<std::uint64_t>(bytes, (state.address + interpreter.offsets.tstate_interp) % size);
  state.thread_id = read_at<std::uint64_t>(bytes, (state.address + interpreter.offsets.tstate_thread_id) % size);
  python::ThreadNames names(*process.memory, interpreter.offsets);
  (void)names.of(state);
  std::vector<python::FrameSite> sites;
  for (int round = 0; round < 2; ++round) {
    sites.clear();
    reader.read(state, sites);
    sites.resize(std::min<std::size_t>(sites.size(), 64));
    codes.verify(sites);
    for (const auto& site : sites) codes.frame(site, round == 1);
  }
  return 0;
}

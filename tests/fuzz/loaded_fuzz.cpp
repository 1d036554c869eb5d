// An ELF file as a process has it loaded, libc's thread descriptors and PHP's table of threads, all of any bytes.
#include <algorithm>
#include <array>

#include "samplers/elf/dynamic.hpp"
#include "samplers/php/find.hpp"
#include "samplers/process/pthread.hpp"
#include "tests/samplers/image.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sampan;
  if (size < 64 || size > 64 * 1024) return 0;
  Image image;
  image.bytes.resize(size);
  std::memcpy(image.bytes.data(), data, size);
  // Words that are small become addresses in the image, so that chains are followed.
  for (std::size_t at = 0; at + 8 <= size; at += 8) {
    const auto word = read_at<std::uint64_t>(image.bytes, at);
    const std::uint64_t address = Image::kBase + word;
    if (word % 8 == 0 && word > 0 && word < size) std::memcpy(image.bytes.data() + at, &address, 8);
  }
  if (const auto symbols = DynamicSymbols::open(image, Image::kBase)) {
    for (const char* name : {"_PyRuntime", "ruby_version", "main", ""}) symbols->find(name);
  }
  PthreadIds ids;
  const std::array<std::uint64_t, 2> descriptors = {Image::kBase + 8, Image::kBase + 16};
  ids.learn(image, descriptors, {77, 78});
  ids.tid(image, Image::kBase);
  php::Php php{image, php::layouts()[data[0] % php::layouts().size()], true, 64, 0, {}};
  for (std::uint64_t at = 0; at + 8 <= std::min<std::size_t>(size, 512); at += 8) php.variables.push_back(Image::kBase + at);
  PthreadIds pthreads;
  php::list_globals(php, pthreads, 77);
  return 0;
}

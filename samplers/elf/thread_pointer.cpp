#include "samplers/elf/thread_pointer.hpp"

#include "samplers/elf/library.hpp"

namespace sampan {
namespace {

constexpr const char* kSize = "_thread_db_sizeof_pthread";
constexpr std::uint32_t kMost = 1 << 16;

}  // namespace

std::optional<std::uint64_t> descriptor_distance(const Process& process, ElfCache& elfs) {
  if constexpr (!sampan_native.link_register) return 0;
  for (const char* name : {"libc.so", "libpthread"}) {   // one library since glibc 2.34
    const auto library = find_library(process, elfs, name, [](const ElfFile& file) { return file.symbol(kSize).has_value(); });
    const auto address = library ? library->address(kSize) : std::nullopt;
    std::uint32_t size = 0;
    if (address && process.memory->read_into(*address, size) && size != 0 && size < kMost) return size;
  }
  return {};
}

}  // namespace sampan

// A file of any bytes as an ELF file: segments, sections, symbols, rows, debug information, inlined calls, names.
#include <sys/mman.h>
#include <unistd.h>

#include "samplers/symbols/symbol_cache.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sampan;
  UniqueFd fd(memfd_create("fuzz", MFD_CLOEXEC));
  if (write(fd.get(), data, size) != static_cast<ssize_t>(size)) return 0;
  auto file = ElfFile::open(std::move(fd));
  if (!file) return 0;
  UnwindCache unwind;
  SymbolCache symbols;
  const FileOrigin origin{*file, unwind.get(*file), "/fuzz", -1};
  std::vector<CodeName> names;
  for (std::uint64_t address = 0; address < 0x4000; address += 0x123) symbols.resolve(origin, address, names);
  for (const ElfSegment& segment : (*file)->segments()) symbols.resolve(origin, segment.address + 16, names);
  return 0;
}

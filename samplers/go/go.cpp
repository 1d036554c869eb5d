// Go programs: the goroutine's entry as the root, frames and inlined calls by Go's own tables.
#include "samplers/symbols/go_pclntab.hpp"
#include "samplers/symbols/native_walker.hpp"

namespace sampan {
namespace {

// The program itself is Go's: a library of Go's in another program does not count.
bool matches(const Process& process, Context& context) {
  for (const Mapping& mapping : process.maps) {
    if (!mapping.executable || mapping.file.inode == 0) continue;
    const auto file = context.elfs.get(process, mapping);
    return file && GoPclntab::is_go(*file);
  }
  return false;
}

}  // namespace

Runtime go_runtime() { return {"go", matches, open_native_walker, false}; }

}  // namespace sampan

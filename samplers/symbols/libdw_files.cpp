#include "samplers/symbols/libdw_files.hpp"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "samplers/process/files.hpp"
#include "samplers/symbols/dwarf_package.hpp"

namespace sampan {
namespace {

constexpr off_t kMostBytes = off_t{64} << 20;

thread_local int current_root = -1;
thread_local const DwarfPackage* current_package = nullptr;
thread_local std::uint64_t current_unit = 0;

UniqueFd copy_of(const UniqueFd& file) {
  struct stat status {};
  if (fstat(file.get(), &status) != 0 || status.st_size > kMostBytes) return UniqueFd();
  UniqueFd copy(memfd_create("debug", MFD_CLOEXEC));
  std::vector<char> block(256 * 1024);
  for (off_t done = 0; copy && done < kMostBytes;) {
    const ssize_t got = pread(file.get(), block.data(), block.size(), done);
    if (got <= 0) return got == 0 ? std::move(copy) : UniqueFd();
    if (write(copy.get(), block.data(), static_cast<std::size_t>(got)) != got) return UniqueFd();
    done += got;
  }
  return copy;
}

}  // namespace

LibdwRoot::LibdwRoot(int root) : before_(current_root) { current_root = root; }
LibdwRoot::~LibdwRoot() { current_root = before_; }

LibdwUnit::LibdwUnit(const DwarfPackage* package, std::uint64_t id) { current_package = package, current_unit = id; }
LibdwUnit::~LibdwUnit() { current_package = nullptr; }

}  // namespace sampan

extern "C" int sampan_open_for_libdw(const char* path, int, ...) {
  sampan::UniqueFd copy;
  if (sampan::current_root >= 0) {
    if (auto file = sampan::open_target_file(sampan::current_root, path)) copy = sampan::copy_of(*file);
  }
  if (!copy && sampan::current_package) copy = sampan::current_package->unit(sampan::current_unit);
  if (!copy) errno = ENOENT;
  return copy.release();
}

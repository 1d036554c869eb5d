// The files that libdw wants beside the one that it was given (dwz's shared file, .dwo): paths of the target's own
// choosing. cmake/dependencies.cmake gives libdw `sampan_open_for_libdw` in place of open(2): nothing else opens for it.
#pragma once

#include <cstdint>

namespace sampan {

class DwarfPackage;

// While it lives, libdw's opens on this thread go to that root, through open_target_file; else they fail.
class LibdwRoot {
 public:
  explicit LibdwRoot(int root);
  ~LibdwRoot();
  LibdwRoot(const LibdwRoot&) = delete;

 private:
  int before_;
};

// While it lives, what libdw looks for on this thread is that split unit: where its .dwo is not there, the package's.
class LibdwUnit {
 public:
  LibdwUnit(const DwarfPackage* package, std::uint64_t id);
  ~LibdwUnit();
  LibdwUnit(const LibdwUnit&) = delete;
};

}  // namespace sampan

// A descriptor of a copy, as libdw maps what it opens and a target may cut its files short; -1 with errno where there is no
// such regular file or it is larger than 64 MiB.
extern "C" int sampan_open_for_libdw(const char* path, int flags, ...);

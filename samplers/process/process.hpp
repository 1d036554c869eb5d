// One process that is sampled: who it is, its root and memory, and its mappings. Descriptors are held
// from the start, so that its exit loses no names.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "samplers/base/result.hpp"
#include "samplers/process/files.hpp"
#include "samplers/process/identity.hpp"
#include "samplers/process/maps.hpp"
#include "samplers/process/memory.hpp"

namespace sampan {

struct Process {
  Identity id;
  std::string name;                // for people: the title that the process bears
  UniqueFd root;                   // /proc/PID/root
  std::vector<Mapping> maps;       // as of opening; refresh with read_maps
  std::unique_ptr<Memory> memory;
};

// Fails with NotPermitted where maps or memory may not be read (the sentence names the capability or LSM),
// with TargetEnded where it is gone.
Result<Process> open_process(Identity id);

}  // namespace sampan

#include "samplers/process/process.hpp"

#include <algorithm>

namespace sampan {
namespace {

// A title's first word, or the program: arguments may hold secrets, and the name stands in messages.
std::string program_of(std::string command_line) {
  command_line.erase(std::min(command_line.find_first_of(" \t\n"), command_line.size()));
  return command_line;
}

}  // namespace

Result<Process> open_process(Identity id) {
  auto root = open_root(id.pid);
  if (!root) return tl::unexpected(root.error());
  Process process{id, program_of(read_command_line(id.pid)), std::move(*root), read_maps(id.pid), nullptr};
  if (process.name.empty()) process.name = read_stat(id.pid).value_or(ProcessStat{}).comm;
  // A pid may have been reused between the match and here.
  if (identify(id.pid) != id) return fail(Exit::TargetEnded, "process {} has ended", id.pid);
  if (process.maps.empty()) {
    // A process that is just ending has its file still, and nothing in it.
    if (read_file("/proc/" + std::to_string(id.pid) + "/maps", 1)) return fail(Exit::TargetEnded, "process {} is ending", id.pid);
    return fail(Exit::NotPermitted, "the mappings of process {} cannot be read: the agent lacks SYS_PTRACE", id.pid);
  }
  process.memory = std::make_unique<LiveMemory>(id.pid);
  return process;
}

}  // namespace sampan

// /proc texts of any bytes (a program chooses its name, its command line and its files' names): stat, status, maps, cgroup.
#include <cstdlib>

#include "agent/guard/redact.hpp"
#include "agent/run/budget.hpp"
#include "samplers/process/identity.hpp"
#include "samplers/process/maps.hpp"
#include "samplers/process/threads.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sampan;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto stat = parse_stat(text)) {
    if (stat->comm.size() > size) std::abort();
  }
  innermost_id(text, 7);
  const std::vector<Mapping> maps = parse_maps(text);
  if (maps.size() > size) std::abort();
  for (const Mapping& mapping : maps) {
    if (mapping.path.size() > size) std::abort();
  }
  for (const std::uint64_t address : {std::uint64_t{0}, std::uint64_t{0x7f0000001000}, ~std::uint64_t{0}}) {
    const Mapping* found = find_mapping(maps, address);
    if (found && !found->contains(address)) std::abort();
  }
  cgroup_memory_limit(std::string(text.substr(0, 512)), "/no/such/mount");
  const std::string line = redact_command_line(std::string(text), 128);
  if (line.find('\n') != std::string::npos) std::abort();
  return 0;
}

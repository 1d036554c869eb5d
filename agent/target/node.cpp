#include "agent/target/node.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "samplers/process/files.hpp"

namespace sampan {

std::string node_name() {
  if (const char* name = std::getenv("NODE_NAME"); name && *name) return name;
  if (auto root = open_root(1)) {
    if (auto file = open_target_file(root->get(), "/etc/hostname")) {
      std::string name = read_file(file->get(), 256).value_or("");
      name.erase(std::min(name.find_first_of(" \r\n"), name.size()));
      if (!name.empty()) return name;
    }
  }
  char name[256] = {};
  ::gethostname(name, sizeof name - 1);
  return name;
}

}  // namespace sampan

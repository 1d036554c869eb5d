// Which containers of a node are sampled, and how often: rules by names (globs) and runtime. Pure; a runtime may not be known yet.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sampan {

// What is empty does not narrow. Globs as fnmatch(3) has them: `shop-*`.
struct SelectionRule {
  std::string pod_namespace = {}, pod = {}, container = {};
  std::string runtime = {};     // a runtime's name
  unsigned rate = 0;            // samples a second; 0: the run's. Of include rules only
};

// Names of one container, as far as the node tells them; what it does not tell is empty and matches no glob but `*`.
struct ContainerNames {
  std::string_view pod_namespace = {}, pod = {}, container = {};
};

struct Selection {
  bool all_containers = false;
  bool host_processes = false;             // what runs in no container, as one bucket
  std::vector<SelectionRule> include;      // empty: all
  std::vector<SelectionRule> exclude;      // goes before include

  // Whether a container is sampled, as far as names tell; rules that name a runtime decide only where it is given.
  // Returns the rate (0: the run's), or none where it is not sampled.
  std::optional<unsigned> rate_of(const ContainerNames& names, std::string_view runtime = {}) const;
};

}  // namespace sampan

// What the agent reads of /proc under many engines, as recorded from real ones or written down from their documentation
// (the first line of a record says which): sections `== PID cgroup`, `== PID mountinfo`, and `== PID is` with what is true.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "agent/target/containers.hpp"

namespace sampan {
namespace {

using Sections = std::map<std::string, std::map<std::string, std::string>>;   // process → section → its lines

Sections read_record(const std::filesystem::path& path) {
  Sections sections;
  std::string* into = nullptr;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("== ")) {
      const auto blank = line.find(' ', 3);
      into = &sections[line.substr(3, blank - 3)][line.substr(blank + 1)];
    } else if (into) {
      *into += line + "\n";
    }
  }
  return sections;
}

std::string as_text(const Container& container) {
  const auto or_none = [](const std::string& text) { return text.empty() ? "-" : text; };
  return "id " + or_none(container.id) + "\npod " + or_none(container.pod_uid) + "\nname " + or_none(container.name) + "\nowner " +
         or_none(container.owner) + "\n";
}

TEST(Recorded, EveryEnginesContainersAreKnown) {
  int records = 0;
  for (const auto& entry : std::filesystem::directory_iterator(SOURCE_DIR "/tests/agent/target/recorded")) {
    Sections processes = read_record(entry.path());
    const NodeView node(processes["self"]["cgroup"], processes["self"]["mountinfo"]);
    processes.erase("self");
    ASSERT_FALSE(processes.empty()) << entry.path();
    for (auto& [pid, sections] : processes) {
      EXPECT_EQ(as_text(node.container_of(sections["cgroup"], sections["mountinfo"])), sections["is"]) << entry.path() << ", process " << pid;
    }
    ++records;
  }
  EXPECT_GE(records, 15);
}

}  // namespace
}  // namespace sampan

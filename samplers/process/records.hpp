// What the kernel writes in one piece (a process's stat, status and statm, a cgroup's counts), read in one call.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

namespace sampan {

// At most `most` bytes, from the start, which are allocated; nothing where it cannot be read.
std::optional<std::string> read_record(const std::string& path, std::size_t most);
// The same on a kept descriptor.
std::optional<std::string> read_record(int fd, std::size_t most);

}  // namespace sampan

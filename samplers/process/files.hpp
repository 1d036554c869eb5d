// Opening files. open_target_file is the only way by which a file of a target is opened: nothing outside
// the target's root, no device or FIFO, no other file than the one that was asked for.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "samplers/base/result.hpp"
#include "samplers/base/unique_fd.hpp"

namespace sampan {

struct FileId {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  auto operator<=>(const FileId&) const = default;
};

// /proc/PID/root as a directory descriptor, to be held so that the target's exit loses no names.
Result<UniqueFd> open_root(pid_t pid);

// A regular file below `root` (openat2 RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS), read only. With `expected`, only that very file.
Result<UniqueFd> open_target_file(int root, const std::string& path, std::optional<FileId> expected = {});

// A file of the agent's own view (/proc, /sys, a mounted secret), whole, at most `most` bytes.
std::optional<std::string> read_file(const std::string& path, std::size_t most = 1 << 20);
// The same on a kept descriptor, by pread from 0.
std::optional<std::string> read_file(int fd, std::size_t most = 1 << 20);

}  // namespace sampan

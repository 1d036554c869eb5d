// Opening files. What is a target's is opened here and nowhere else (tests/layering.sh): nothing outside the target's
// root, no device or FIFO, no other file than the one that was asked for.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "samplers/base/result.hpp"
#include "samplers/base/unique_fd.hpp"

namespace sampan {

struct FileId {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  auto operator<=>(const FileId&) const = default;
};

// /proc/PID/root as a directory descriptor, to be held so that the target's exit loses no names.
Result<UniqueFd> open_root(pid_t pid, const std::string& proc = "/proc");

// A regular file below `root` (openat2 RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS), read only. With `expected`, only that very file.
Result<UniqueFd> open_target_file(int root, const std::string& path, std::optional<FileId> expected = {});

// The names in a folder below `root`, found by the same rules; none where there is no such folder.
std::vector<std::string> list_target_folder(int root, const std::string& path);

// That very file in the agent's own root: a process in a chroot has its paths told from there.
Result<UniqueFd> open_own_file(const std::string& path, FileId expected);

// The file behind a mapping, though it was replaced or deleted since (/proc/PID/map_files): needs CHECKPOINT_RESTORE or SYS_ADMIN.
Result<UniqueFd> open_mapped_file(pid_t pid, std::uint64_t start, std::uint64_t end, FileId expected);

// A file of the agent's own view (/proc, /sys, a mounted secret), whole, at most `most` bytes.
std::optional<std::string> read_file(const std::string& path, std::size_t most = 1 << 20);
// The same on a kept descriptor, by pread from 0.
std::optional<std::string> read_file(int fd, std::size_t most = 1 << 20);

}  // namespace sampan

#include "samplers/process/files.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstring>

namespace sampan {

Result<UniqueFd> open_root(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/root";
  UniqueFd fd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (fd) return fd;
  if (errno == EACCES || errno == EPERM) {
    return fail(Exit::NotPermitted, "{} may not be opened: the agent lacks SYS_PTRACE", path);
  }
  return fail(Exit::TargetEnded, "{} cannot be opened: {}", path, std::strerror(errno));
}

Result<UniqueFd> open_target_file(int root, const std::string& path, std::optional<FileId> expected) {
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  UniqueFd place(static_cast<int>(syscall(SYS_openat2, root, path.c_str(), &how, sizeof how)));
  if (!place) return fail(Exit::CannotSample, "{} cannot be opened in the target's root: {}", path, std::strerror(errno));
  struct stat status {};
  if (fstat(place.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return fail(Exit::CannotSample, "{} in the target's root is not a regular file", path);
  }
  // Overlay file systems report other device numbers in stat than in maps: the inode must agree always.
  if (expected && expected->inode != status.st_ino) {
    return fail(Exit::CannotSample, "{} in the target's root is no longer the file that is mapped", path);
  }
  const std::string again = "/proc/self/fd/" + std::to_string(place.get());
  UniqueFd fd(::open(again.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return fail(Exit::CannotSample, "{} in the target's root cannot be read: {}", path, std::strerror(errno));
  return fd;
}

std::optional<std::string> read_file(int fd, std::size_t most) {
  std::string text;
  char block[16384];
  while (text.size() < most) {
    const std::size_t want = std::min(sizeof block, most - text.size());
    const ssize_t got = pread(fd, block, want, static_cast<off_t>(text.size()));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return {};
    if (got == 0) break;
    text.append(block, static_cast<std::size_t>(got));
  }
  return text;
}

std::optional<std::string> read_file(const std::string& path, std::size_t most) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  return fd ? read_file(fd.get(), most) : std::nullopt;
}

}  // namespace sampan

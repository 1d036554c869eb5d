#include "samplers/process/files.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstring>
#include <memory>

namespace sampan {
namespace {

constexpr std::size_t kMostNames = 65'536;
constexpr decltype(statfs::f_type) kXfs = 0x58465342;   // the kernel keeps it to itself

// Overlay and other stacked file systems tell other device numbers in stat than in maps; these never do.
bool tells_its_device(int fd) {
  struct statfs status {};
  if (fstatfs(fd, &status) != 0) return false;
  return status.f_type == EXT4_SUPER_MAGIC || status.f_type == TMPFS_MAGIC || status.f_type == kXfs;
}

// Every link on the way is followed inside `root`; the kernel's own (/proc/PID/fd/…, /proc/PID/root) are not followed.
UniqueFd open_below(int root, const std::string& path, std::uint64_t flags) {
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  return UniqueFd(static_cast<int>(syscall(SYS_openat2, root, path.c_str(), &how, sizeof how)));
}

// Regular, and where one is expected that very file.
bool is_file(int place, const std::optional<FileId>& expected) {
  struct stat status {};
  if (fstat(place, &status) != 0 || !S_ISREG(status.st_mode)) return false;
  if (!expected) return true;
  return status.st_ino == expected->inode && (status.st_dev == expected->device || !tells_its_device(place));
}

// From a place (O_PATH) that has been looked at: nothing can be put there meanwhile.
UniqueFd reopen(int place) {
  const std::string path = "/proc/self/fd/" + std::to_string(place);
  return UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
}

}  // namespace

Result<UniqueFd> open_root(pid_t pid, const std::string& proc) {
  const std::string path = proc + "/" + std::to_string(pid) + "/root";
  UniqueFd fd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (fd) return fd;
  if (errno == EACCES || errno == EPERM) {
    return fail(Exit::NotPermitted, "{} may not be opened: the agent lacks SYS_PTRACE", path);
  }
  return fail(Exit::TargetEnded, "{} cannot be opened: {}", path, std::strerror(errno));
}

Result<UniqueFd> open_target_file(int root, const std::string& path, std::optional<FileId> expected) {
  UniqueFd place = open_below(root, path, O_PATH);
  if (!place) return fail(Exit::CannotSample, "{} cannot be opened in the target's root: {}", path, std::strerror(errno));
  if (!is_file(place.get(), expected)) {
    return fail(Exit::CannotSample, "{} in the target's root is no regular file, or not the one that is mapped", path);
  }
  UniqueFd fd = reopen(place.get());
  if (!fd) return fail(Exit::CannotSample, "{} in the target's root cannot be read: {}", path, std::strerror(errno));
  return fd;
}

std::vector<std::string> list_target_folder(int root, const std::string& path) {
  UniqueFd fd = open_below(root, path, O_RDONLY | O_DIRECTORY);
  std::unique_ptr<DIR, int (*)(DIR*)> dir(fd ? fdopendir(fd.get()) : nullptr, closedir);
  if (dir) static_cast<void>(fd.release());   // closedir closes it
  std::vector<std::string> names;
  while (const dirent* entry = dir && names.size() < kMostNames ? readdir(dir.get()) : nullptr) names.emplace_back(entry->d_name);
  return names;
}

Result<UniqueFd> open_own_file(const std::string& path, FileId expected) {
  const UniqueFd root(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  return open_target_file(root.get(), path, expected);
}

Result<UniqueFd> open_mapped_file(pid_t pid, std::uint64_t start, std::uint64_t end, FileId expected) {
  const std::string path = fmt::format("/proc/{}/map_files/{:x}-{:x}", pid, start, end);
  const UniqueFd place(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!place || !is_file(place.get(), expected)) return fail(Exit::CannotSample, "the mapped file is gone, and {} cannot be opened", path);
  UniqueFd fd = reopen(place.get());
  if (!fd) return fail(Exit::CannotSample, "{} cannot be read", path);
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

#include "agent/delivery/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "samplers/base/unique_fd.hpp"

namespace sampan {
namespace {

// False with errno set where not all bytes reached the disk.
bool write_bytes(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t wrote = ::write(fd, bytes.data(), bytes.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return ::fsync(fd) == 0 || errno == EINVAL;
}

// A file without a name vanishes by itself, whatever ends the agent. Not every file system has them.
bool write_nameless(const std::string& dir, const std::string& path, std::string_view bytes, bool& supported) {
  UniqueFd fd(::open(dir.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0644));
  supported = static_cast<bool>(fd);
  if (!fd || !write_bytes(fd.get(), bytes)) return false;
  const std::string link = "/proc/self/fd/" + std::to_string(fd.get());
  ::unlink(path.c_str());
  return ::linkat(AT_FDCWD, link.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) == 0;
}

bool write_hidden(const std::string& dir, const std::string& name, const std::string& path, std::string_view bytes) {
  const std::string hidden = dir + "/." + name + ".part";
  bool whole = false;
  {
    UniqueFd fd(::open(hidden.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644));
    if (!fd) return false;
    whole = write_bytes(fd.get(), bytes);
  }
  if (whole && ::rename(hidden.c_str(), path.c_str()) == 0) return true;
  const int error = errno;
  ::unlink(hidden.c_str());
  errno = error;
  return false;
}

}  // namespace

Result<std::string> write_whole(const std::string& dir, const std::string& name, std::string_view bytes) {
  const std::string path = dir + (dir.ends_with('/') ? "" : "/") + name;
  bool supported = false;
  if (write_nameless(dir, path, bytes, supported)) return path;
  const bool full = supported && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG);
  if (!full && write_hidden(dir, name, path, bytes)) return path;
  return fail(Exit::DeliveryFailed, "{} cannot be written: {}", path, std::strerror(errno));
}

Result<void> probe_directory(const std::string& dir) {
  for (std::size_t at = 1; at != std::string::npos && at < dir.size();) {
    at = dir.find('/', at + 1);
    ::mkdir(dir.substr(0, at).c_str(), 0755);
  }
  const std::string probe = dir + "/.sampan-probe";
  UniqueFd fd(::open(probe.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) {
    return fail(Exit::DeliveryFailed, "output_dir {} cannot be written: {}; mount an emptyDir there or name another folder", dir,
                std::strerror(errno));
  }
  ::unlink(probe.c_str());
  return {};
}

}  // namespace sampan

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

struct Paths {
  std::string dir, path, hidden;   // the folder, the file's name, and one of ours beside it
};

// What is there under the name until now is there until the very moment at which the new file is.
bool take_name(const Paths& paths) { return ::rename(paths.hidden.c_str(), paths.path.c_str()) == 0; }

// A file without a name vanishes by itself, whatever ends the agent. Not every file system has them.
bool write_nameless(const Paths& paths, std::string_view bytes, bool& supported) {
  UniqueFd fd(::open(paths.dir.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0644));
  supported = static_cast<bool>(fd);
  if (!fd || !write_bytes(fd.get(), bytes)) return false;
  const std::string link = "/proc/self/fd/" + std::to_string(fd.get());
  const auto name = [&](const std::string& as) { return ::linkat(AT_FDCWD, link.c_str(), AT_FDCWD, as.c_str(), AT_SYMLINK_FOLLOW) == 0; };
  if (name(paths.path)) return true;
  return errno == EEXIST && name(paths.hidden) && take_name(paths);
}

bool write_hidden(const Paths& paths, std::string_view bytes) {
  UniqueFd fd(::open(paths.hidden.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  return fd && write_bytes(fd.get(), bytes) && take_name(paths);
}

// The name itself must survive a crash of the machine, too.
bool sync_folder(const std::string& dir) {
  UniqueFd fd(::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return fd && (::fsync(fd.get()) == 0 || errno == EINVAL);
}

}  // namespace

Result<std::string> write_whole(const std::string& dir, const std::string& name, std::string_view bytes) {
  const std::string folder = dir + (dir.ends_with('/') ? "" : "/");
  const Paths paths{dir, folder + name, folder + "." + name + ".part"};
  ::unlink(paths.hidden.c_str());   // of an agent that was killed
  bool supported = false;
  bool written = write_nameless(paths, bytes, supported);
  const bool full = supported && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG);
  if (!written && !full) written = write_hidden(paths, bytes);
  if (written && sync_folder(dir)) return paths.path;
  const int error = errno;
  if (!written) ::unlink(paths.hidden.c_str());
  return fail(Exit::DeliveryFailed, "{} cannot be written: {}", paths.path, std::strerror(error));
}

Result<void> probe_directory(const std::string& dir) {
  for (std::size_t at = 1; at != std::string::npos && at < dir.size();) {
    at = dir.find('/', at + 1);
    ::mkdir(dir.substr(0, at).c_str(), 0755);
  }
  const std::string probe = dir + "/.sampan-probe";
  ::unlink(probe.c_str());   // of an agent that was killed
  UniqueFd fd(::open(probe.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) {
    return fail(Exit::DeliveryFailed, "output_dir {} cannot be written: {}; mount an emptyDir there or name another folder", dir,
                std::strerror(errno));
  }
  ::unlink(probe.c_str());
  return {};
}

}  // namespace sampan

#include "samplers/process/records.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "samplers/base/unique_fd.hpp"

namespace sampan {

std::optional<std::string> read_record(int fd, std::size_t most) {
  std::string text(most, '\0');
  const ssize_t got = pread(fd, text.data(), text.size(), 0);
  if (got < 0) return {};
  text.resize(static_cast<std::size_t>(got));
  return text;
}

std::optional<std::string> read_record(const std::string& path, std::size_t most) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  return fd ? read_record(fd.get(), most) : std::nullopt;
}

}  // namespace sampan

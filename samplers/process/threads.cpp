#include "samplers/process/threads.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <charconv>
#include <memory>
#include <set>

#include "samplers/process/files.hpp"
#include "samplers/process/identity.hpp"

namespace sampan {
namespace {

constexpr std::size_t kMostThreads = 65'536;

std::string task(pid_t pid, pid_t tid, const char* file) {
  return "/proc/" + std::to_string(pid) + "/task/" + std::to_string(tid) + "/" + file;
}

// The last number of the NSpid line: the id in the thread's innermost PID namespace.
pid_t innermost_id(const std::string& status, pid_t otherwise) {
  const auto line = status.find("\nNSpid:");
  if (line == std::string::npos) return otherwise;
  const auto end = status.find('\n', line + 1);
  const auto last = status.find_last_of("\t ", end);
  pid_t id = otherwise;
  std::from_chars(status.data() + last + 1, status.data() + std::min(end, status.size()), id);
  return id;
}

std::string first_line(std::string text) {
  text.erase(std::min(text.find('\n'), text.size()));
  return text;
}

}  // namespace

Thread::Thread(pid_t pid, pid_t tid)
    : tid_(tid),
      inner_tid_(innermost_id(read_file(task(pid, tid, "status"), 8192).value_or(""), tid)),
      name_(first_line(read_file(task(pid, tid, "comm"), 64).value_or(""))),
      schedstat_(::open(task(pid, tid, "schedstat").c_str(), O_RDONLY | O_CLOEXEC)),
      stat_(::open(task(pid, tid, "stat").c_str(), O_RDONLY | O_CLOEXEC)) {}

bool Thread::unchanged() {
  char text[64];
  const ssize_t got = pread(schedstat_.get(), text, sizeof text, 0);
  if (got <= 0) return false;  // not known: then the state decides
  std::uint64_t now = 0;
  std::from_chars(text, text + got, now);
  return std::exchange(run_time_, now) == now;
}

char Thread::state() const {
  char text[128];
  const ssize_t got = pread(stat_.get(), text, sizeof text, 0);
  if (got <= 0) return 0;
  const std::string_view view(text, static_cast<std::size_t>(got));
  const auto close = view.rfind(") ");
  return close == std::string_view::npos || close + 2 >= view.size() ? 0 : view[close + 2];
}

Threads::Threads(pid_t pid)
    : pid_(pid), task_(::open(("/proc/" + std::to_string(pid) + "/task").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {}

bool Threads::count_changed() const {
  struct stat status {};
  return fstat(task_.get(), &status) != 0 || status.st_nlink != links_;
}

bool Threads::refresh() {
  struct stat status {};
  if (fstat(task_.get(), &status) == 0) links_ = status.st_nlink;
  const std::string path = "/proc/" + std::to_string(pid_) + "/task";
  std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir(path.c_str()), closedir);
  if (!dir) return false;
  std::set<pid_t> seen;
  while (const dirent* entry = readdir(dir.get())) {
    pid_t tid = 0;
    const std::string_view name = entry->d_name;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), tid);
    if (error != std::errc{} || seen.size() >= kMostThreads) continue;
    seen.insert(tid);
    if (!threads_.contains(tid)) threads_.emplace(tid, Thread(pid_, tid));
  }
  std::erase_if(threads_, [&](const auto& item) { return !seen.contains(item.first); });
  return !seen.empty();
}

}  // namespace sampan

#include "samplers/process/threads.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <memory>
#include <set>

#include "samplers/process/files.hpp"
#include "samplers/process/identity.hpp"

namespace sampan {
namespace {

constexpr std::size_t kMostThreads = 65'536;
constexpr nlink_t kLinksOfTheDead = 2;   // of /proc/PID/task, whose links are threads + 2
constexpr int kProcessorAfterState = 36;   // fields of /proc/…/stat
constexpr rlim_t kSpare = 4096;   // descriptors left for all else, or half of all where there are few

std::string task(pid_t pid, pid_t tid, const char* file) {
  return "/proc/" + std::to_string(pid) + "/task/" + std::to_string(tid) + "/" + file;
}

// Without the last descriptors nothing else could be opened: then a thread's files are opened anew each time.
UniqueFd open_to_keep(const std::string& path) {
  static const int most = [] {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    return static_cast<int>(std::min<rlim_t>(limit.rlim_cur - std::min(limit.rlim_cur / 2, kSpare), 1 << 30));
  }();
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  return fd.get() < most ? std::move(fd) : UniqueFd();
}

std::string first_line(std::string text) {
  text.erase(std::min(text.find('\n'), text.size()));
  return text;
}

SchedStat parse_schedstat(std::string_view text) {
  SchedStat stat;
  const char* at = text.data();
  const char* const end = at + text.size();
  for (std::uint64_t* number : {&stat.ran, &stat.waited, &stat.turns}) {
    at = std::from_chars(at, end, *number).ptr;
    if (at != end) ++at;
  }
  return stat;
}

}  // namespace

OwnSchedStat::OwnSchedStat() : file_(::open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC)) {}

SchedStat OwnSchedStat::read() const {
  char text[64];
  const ssize_t got = pread(file_.get(), text, sizeof text, 0);
  return parse_schedstat({text, got > 0 ? static_cast<std::size_t>(got) : 0});
}

pid_t innermost_id(std::string_view status, pid_t otherwise) {
  const auto line = status.find("\nNSpid:");
  if (line == std::string_view::npos) return otherwise;
  const auto end = std::min(status.find('\n', line + 1), status.size());
  const auto last = status.find_last_of("\t ", end);
  pid_t id = otherwise;
  if (last != std::string_view::npos && last > line) std::from_chars(status.data() + last + 1, status.data() + end, id);
  return id;
}

Thread::Thread(pid_t pid, pid_t tid)
    : pid_(pid),
      tid_(tid),
      inner_tid_(innermost_id(read_file(task(pid, tid, "status"), 8192).value_or(""), tid)),
      name_(first_line(read_file(task(pid, tid, "comm"), 64).value_or(""))),
      schedstat_(open_to_keep(task(pid, tid, "schedstat"))),
      stat_(open_to_keep(task(pid, tid, "stat"))) {}

std::size_t Thread::read(const UniqueFd& kept, const char* file, char* text, std::size_t size) const {
  UniqueFd anew(kept ? -1 : ::open(task(pid_, tid_, file).c_str(), O_RDONLY | O_CLOEXEC));
  const ssize_t got = pread(kept ? kept.get() : anew.get(), text, size, 0);
  return got > 0 ? static_cast<std::size_t>(got) : 0;
}

bool Thread::unchanged() {
  if (!slept_) return false;
  char text[sizeof schedstat_text_] = {};
  const std::size_t got = read(schedstat_, "schedstat", text, sizeof text - 1);
  const bool same = std::memcmp(text, schedstat_text_, sizeof text) == 0;
  std::memcpy(schedstat_text_, text, sizeof text);
  // A kernel that does not count says 0 0 0: then the state decides.
  return same && got > 0 && !std::string_view(text).starts_with("0 0 0");
}

SchedStat Thread::schedstat() const {
  char text[sizeof schedstat_text_];
  return parse_schedstat({text, read(schedstat_, "schedstat", text, sizeof text)});
}

char Thread::state() {
  char text[768];
  std::string_view rest(text, read(stat_, "stat", text, sizeof text));
  const auto close = rest.rfind(") ");
  rest.remove_prefix(close == std::string_view::npos ? rest.size() : close + 2);
  const char state = rest.empty() ? '\0' : rest.front();
  slept_ = state != 'R';
  processor_ = -1;
  for (int i = 0; i < kProcessorAfterState && !rest.empty(); ++i) rest.remove_prefix(std::min(rest.find(' '), rest.size() - 1) + 1);
  std::from_chars(rest.data(), rest.data() + rest.size(), processor_);
  return state;
}

Threads::Threads(pid_t pid)
    : pid_(pid), task_(::open(("/proc/" + std::to_string(pid) + "/task").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {}

bool Threads::count_changed() const {
  struct stat status {};
  return fstat(task_.get(), &status) != 0 || status.st_nlink != links_;
}

bool Threads::refresh() {
  // The descriptor is this very process's: its id may be another's by now, and a folder of that would be listed below.
  struct stat status {};
  if (fstat(task_.get(), &status) != 0 || status.st_nlink <= kLinksOfTheDead) return false;
  links_ = status.st_nlink;
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

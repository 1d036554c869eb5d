#include "agent/target/pids.hpp"

#include <dirent.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <string_view>

#include "samplers/process/files.hpp"
#include "samplers/process/identity.hpp"

namespace sampan {
namespace {

constexpr std::size_t kMostProcesses = 1 << 20;

std::string file_of(const std::string& proc, pid_t pid, const char* file) {
  return read_file(proc + "/" + std::to_string(pid) + "/" + file, 8192).value_or("");
}

}  // namespace

std::vector<pid_t> all_pids(const std::string& proc) {
  std::vector<pid_t> pids;
  std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir(proc.c_str()), closedir);
  while (const dirent* entry = dir ? readdir(dir.get()) : nullptr) {
    const std::string_view name = entry->d_name;
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error == std::errc{} && end == name.data() + name.size() && pids.size() < kMostProcesses) pids.push_back(pid);
  }
  std::sort(pids.begin(), pids.end());
  return pids;
}

pid_t process_of(pid_t id, const std::string& proc) {
  const std::string status = file_of(proc, id, "status");
  if (status.empty()) return file_of(proc, id, "stat").empty() ? 0 : id;
  pid_t group = id;
  if (const auto at = status.find("\nTgid:\t"); at != std::string::npos) {
    std::from_chars(status.data() + at + 7, status.data() + status.size(), group);
  }
  return group;
}

Error why_no_process(pid_t pid, const std::string& proc) {
  const pid_t owner = process_of(pid, proc);
  if (owner == 0) return {Exit::NoTarget, fmt::format("no process has the pid {}: it has ended, or the number is of another PID namespace", pid)};
  if (owner != pid) return {Exit::NoTarget, fmt::format("{} is the id of a thread of process {}: give pid {}", pid, owner, owner)};
  const auto stat = parse_stat(file_of(proc, pid, "stat"));
  if (stat && (stat->state == 'Z' || stat->state == 'X')) {
    return {Exit::TargetEnded, fmt::format("process {} has ended: it is a zombie, for which its parent, process {}, has not waited yet", pid, stat->parent)};
  }
  if (file_of(proc, pid, "cmdline").empty()) return {Exit::CannotSample, fmt::format("process {} has no program of its own: it is a kernel thread", pid)};
  return {Exit::NoTarget, fmt::format("process {} does not match the other keys", pid)};
}

}  // namespace sampan

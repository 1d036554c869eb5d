#include "agent/run/budget.hpp"

#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "samplers/process/files.hpp"
#include "samplers/process/records.hpp"

namespace sampan {
namespace {

constexpr std::uint64_t kMegabyte = 1 << 20;
constexpr std::uint64_t kMost = 1024 * kMegabyte;
constexpr std::uint64_t kLeast = 32 * kMegabyte;
constexpr std::uint64_t kUnlimited = std::uint64_t{1} << 60;   // v1 writes "none" as a very large number
constexpr int kMostLevels = 32;

std::uint64_t limit_in(const std::string& file) {
  const auto text = read_file(file, 64);
  std::uint64_t bytes = 0;
  if (!text || std::from_chars(text->data(), text->data() + text->size(), bytes).ec != std::errc{}) return 0;
  return bytes >= kUnlimited ? 0 : bytes;
}

std::uint64_t least_of(std::uint64_t a, std::uint64_t b) { return a == 0 ? b : b == 0 ? a : std::min(a, b); }

// A limit may stand at any level; in a container the path is the host's and the mount is the container's own.
std::uint64_t least_up(const std::string& mount, std::string path, const char* file) {
  std::uint64_t least = 0;
  for (int level = 0; level < kMostLevels; ++level) {
    while (path.ends_with('/')) path.pop_back();
    least = least_of(least, limit_in(mount + path + "/" + file));
    const auto slash = path.rfind('/');
    if (slash == std::string::npos) break;
    path.erase(slash);
  }
  return least;
}

bool names_memory(std::string_view controllers) { return ("," + std::string(controllers) + ",").find(",memory,") != std::string::npos; }

}  // namespace

std::uint64_t cgroup_memory_limit(const std::string& cgroup_text, const std::string& mount) {
  std::uint64_t least = 0;
  for (std::size_t at = 0; at < cgroup_text.size();) {
    const auto end = std::min(cgroup_text.find('\n', at), cgroup_text.size());
    const std::string line = cgroup_text.substr(at, end - at);
    at = end + 1;
    const auto first = line.find(':'), second = line.find(':', first == std::string::npos ? first : first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1), path = line.substr(second + 1);
    if (path.find("..") != std::string::npos) continue;
    if (controllers.empty()) least = least_of(least, least_up(mount, path, "memory.max"));
    if (names_memory(controllers)) least = least_of(least, least_up(mount + "/memory", path, "memory.limit_in_bytes"));
  }
  return least;
}

MemoryBudget memory_budget(unsigned megabytes) {
  if (megabytes > 0) return {megabytes * kMegabyte};
  const std::uint64_t limit = cgroup_memory_limit(read_file("/proc/self/cgroup", 65'536).value_or(""));
  return {limit == 0 ? kMost : std::clamp(limit / 5 * 4, kLeast, kMost)};
}

void enforce(const MemoryBudget& budget) {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  rlimit limit{};
  if (::getrlimit(RLIMIT_DATA, &limit) != 0) return;
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, budget.most);
  ::setrlimit(RLIMIT_DATA, &limit);
#else
  static_cast<void>(budget);
#endif
}

void raise_descriptors() {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
}

void share_one_heap() { ::mallopt(M_ARENA_MAX, 1); }
void return_freed_memory() { ::malloc_trim(0); }

std::uint64_t resident_bytes() {
  unsigned long long whole = 0, resident = 0;
  const auto text = read_record("/proc/self/statm", 256);
  if (!text || std::sscanf(text->c_str(), "%llu %llu", &whole, &resident) != 2) return 0;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace sampan

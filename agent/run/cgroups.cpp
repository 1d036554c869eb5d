#include "agent/run/cgroups.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/statfs.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <string_view>

#include "samplers/process/files.hpp"
#include "samplers/process/records.hpp"

namespace sampan {
namespace {

constexpr std::size_t kMostCgroups = 16;
constexpr int kMostLevels = 32;
constexpr std::int64_t kUnlimited = std::int64_t{1} << 60;   // v1 writes "none" as a very large number

std::int64_t number_of(std::string_view text) {
  std::int64_t number = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} ? number : -1;
}

// Of lines such as `nr_periods 12`, or, of pressure, `some avg10=0.00 … total=1234`.
std::int64_t field(std::string_view text, std::string_view name) {
  for (std::size_t at = 0; (at = text.find(name, at)) != std::string_view::npos; at += name.size()) {
    const bool begins = at == 0 || text[at - 1] == '\n' || text[at - 1] == ' ';
    const std::size_t after = at + name.size();
    if (begins && after < text.size() && (text[after] == ' ' || text[after] == '=')) return number_of(text.substr(after + 1));
  }
  return -1;
}

// Where files of one hierarchy are opened: the agent's own mount, or one in the target's root.
class Place {
 public:
  Place(int root, std::string folder) : root_(root), folder_(std::move(folder)) {}
  UniqueFd open(const std::string& file) const {
    const std::string path = folder_ + "/" + file;
    UniqueFd fd;
    if (root_ < 0) {
      fd = UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    } else if (auto opened = open_target_file(root_, path)) {
      struct statfs status {};
      const bool kernels = fstatfs(opened->get(), &status) == 0 && (status.f_type == CGROUP2_SUPER_MAGIC || status.f_type == CGROUP_SUPER_MAGIC);
      if (kernels) fd = std::move(*opened);
    }
    return fd;
  }
  std::string text(const std::string& file) const {
    const UniqueFd fd = open(file);
    return fd ? read_file(fd.get(), 16'384).value_or("") : "";
  }
  bool up() {
    const auto slash = folder_.rfind('/');
    if (slash == std::string::npos || root_ >= 0) return false;
    folder_.erase(slash);
    return true;
  }
  const std::string& folder() const { return folder_; }

 private:
  int root_;
  std::string folder_;
};

// The path of a v1 controller, or of v2 (no name), in a /proc/PID/cgroup; nothing where there is none.
bool path_in(const std::string& text, std::string_view controller, std::string& path) {
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    const std::string line = text.substr(at, end - at);
    at = end + 1;
    const auto first = line.find(':'), second = line.find(':', first == std::string::npos ? first : first + 1);
    if (second == std::string::npos) continue;
    const std::string names = "," + line.substr(first + 1, second - first - 1) + ",";
    if (controller.empty() ? names != ",," : names.find("," + std::string(controller) + ",") == std::string::npos) continue;
    path = line.substr(second + 1);
    while (path.ends_with('/')) path.pop_back();
    return true;
  }
  return false;
}

// The cgroup's folder in a hierarchy: where the agent sees it, else where the target does.
Place place_of(const std::string& path, int root, const std::string& mount, const std::string& hierarchy, const char* probe) {
  Place own(-1, mount + hierarchy + path);
  const bool hidden = path.find("..") != std::string::npos || own.text(probe).empty();
  return hidden && root >= 0 ? Place(root, "/sys/fs/cgroup" + hierarchy) : own;
}

// The nearest level from here up, within `top`, where `has` says so; else where it began.
Place nearest(const Place& from, const std::string& top, const std::function<bool(const Place&)>& has) {
  Place at = from;
  for (int level = 0; level < kMostLevels && at.folder().size() >= top.size(); ++level) {
    if (has(at)) return at;
    if (!at.up()) break;
  }
  return from;
}

std::int64_t v2_quota(const Place& place) {
  const std::string text = place.text("cpu.max");
  const std::int64_t quota = number_of(text), period = text.find(' ') == std::string::npos ? -1 : number_of(std::string_view(text).substr(text.find(' ') + 1));
  return quota > 0 && period > 0 ? quota * 1000 / period : -1;
}

std::int64_t v1_quota(const Place& place) {
  const std::int64_t quota = number_of(place.text("cpu.cfs_quota_us")), period = number_of(place.text("cpu.cfs_period_us"));
  return quota > 0 && period > 0 ? quota * 1000 / period : -1;
}

std::int64_t limit_in(const Place& place, const char* file) {
  const std::int64_t bytes = number_of(place.text(file));
  return bytes >= kUnlimited ? -1 : bytes;
}

std::string text_of(const UniqueFd& fd) { return fd ? read_record(fd.get(), 4096).value_or("") : ""; }

void add(std::int64_t& to, std::int64_t one) {
  if (one >= 0) to = std::max<std::int64_t>(to, 0) + one;
}

}  // namespace

CgroupCounts& CgroupCounts::operator+=(const CgroupCounts& other) {
  for (const auto member : {&CgroupCounts::periods, &CgroupCounts::throttled, &CgroupCounts::throttled_ns, &CgroupCounts::cpu_ns,
                            &CgroupCounts::memory, &CgroupCounts::memory_limit, &CgroupCounts::oom_kills, &CgroupCounts::cpu_pressure_us,
                            &CgroupCounts::memory_pressure_us, &CgroupCounts::io_pressure_us, &CgroupCounts::cpus_quota_milli}) {
    add(this->*member, other.*member);
  }
  return *this;
}

Cgroup::Cgroup(const std::string& text, int root, const std::string& mount) {
  std::string path;
  if (path_in(text, "", path)) {
    const bool hybrid = Place(-1, mount).text("cgroup.controllers").empty() && !Place(-1, mount + "/unified").text("cgroup.controllers").empty();
    const std::string hierarchy = hybrid ? "/unified" : "";
    const Place own = place_of(path, root, mount, hierarchy, "cgroup.events");
    const Place quota = nearest(own, mount, [](const Place& p) { return v2_quota(p) > 0; });
    const Place limit = nearest(own, mount, [](const Place& p) { return limit_in(p, "memory.max") > 0; });
    quota_milli_ = v2_quota(quota);
    limit_ = limit_in(limit, "memory.max");
    files_ = {quota.open("cpu.stat"), {}, limit.open("memory.current"), limit.open("memory.events"),
              {own.open("cpu.pressure"), own.open("memory.pressure"), own.open("io.pressure")}};
  }
  if (path_in(text, "cpu", path)) {
    const Place own = place_of(path, root, mount, "/cpu", "cpu.stat");
    const Place quota = nearest(own, mount + "/cpu", [](const Place& p) { return v1_quota(p) > 0; });
    if (UniqueFd stat = quota.open("cpu.stat")) files_.stat = std::move(stat), v1_ = true, quota_milli_ = v1_quota(quota);
    if (path_in(text, "cpuacct", path)) files_.usage = place_of(path, root, mount, "/cpuacct", "cpuacct.usage").open("cpuacct.usage");
  }
  if (path_in(text, "memory", path)) {
    const Place own = place_of(path, root, mount, "/memory", "memory.usage_in_bytes");
    const Place limit = nearest(own, mount + "/memory", [](const Place& p) { return limit_in(p, "memory.limit_in_bytes") > 0; });
    if (UniqueFd used = limit.open("memory.usage_in_bytes")) {
      files_.memory = std::move(used);
      files_.events = own.open("memory.oom_control");
      limit_ = limit_in(limit, "memory.limit_in_bytes");
    }
  }
}

CgroupCounts Cgroup::read() const {
  CgroupCounts counts;
  const std::string stat = text_of(files_.stat), events = text_of(files_.events);
  const auto of_us = [](std::int64_t us) { return us < 0 ? us : us * 1000; };
  if (quota_milli_ > 0) {
    counts.periods = field(stat, "nr_periods");
    counts.throttled = field(stat, "nr_throttled");
    counts.throttled_ns = v1_ ? field(stat, "throttled_time") : of_us(field(stat, "throttled_usec"));
  }
  counts.cpu_ns = files_.usage ? number_of(text_of(files_.usage)) : of_us(field(stat, "usage_usec"));
  counts.memory = files_.memory ? number_of(text_of(files_.memory)) : -1;
  counts.memory_limit = limit_;
  counts.oom_kills = field(events, "oom_kill");
  counts.cpu_pressure_us = field(text_of(files_.pressure[0]), "total");
  counts.memory_pressure_us = field(text_of(files_.pressure[1]), "total");
  counts.io_pressure_us = field(text_of(files_.pressure[2]), "total");
  counts.cpus_quota_milli = quota_milli_;
  return counts;
}

void Cgroups::follow(pid_t pid) {
  if (cgroups_.size() >= kMostCgroups) return;
  const std::string text = read_file("/proc/" + std::to_string(pid) + "/cgroup", 65'536).value_or("");
  if (text.empty() || std::find(seen_.begin(), seen_.end(), text) != seen_.end()) return;
  const auto root = open_root(pid);
  seen_.push_back(text);
  cgroups_.emplace_back(text, root ? root->get() : -1);
}

CgroupCounts Cgroups::read() const {
  CgroupCounts sum;
  for (const Cgroup& cgroup : cgroups_) sum += cgroup.read();
  return sum;
}

}  // namespace sampan

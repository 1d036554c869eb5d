#include "agent/target/discovery.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "agent/contract/clock.hpp"
#include "agent/contract/container_ids.hpp"
#include "agent/contract/counted.hpp"
#include "agent/contract/own_processes.hpp"
#include "agent/guard/redact.hpp"
#include "agent/target/pids.hpp"
#include "samplers/process/files.hpp"

namespace sampan {
namespace {

constexpr std::size_t kMostCommandLine = std::size_t{6} << 20;   // what the kernel gives a program at most (fs/exec.c)
constexpr std::size_t kKeptCommandLine = 4096;                   // of it, for people
constexpr std::size_t kMostCgroup = 64 * 1024;
constexpr std::size_t kMostMountinfo = 1 << 20;
constexpr std::uint64_t kLongestPass = 3'000'000'000;   // ns for which one that does not match is not looked at again

// The last argument's NUL, and what pads a title that the program set.
std::string without_padding(std::string text) {
  text.erase(text.find_last_not_of(std::string_view("\0 ", 2)) + 1);
  return text;
}

// What keys are matched with: arguments with blanks between them.
std::string as_line(std::string text) {
  std::replace(text.begin(), text.end(), '\0', ' ');
  return text;
}

// Field 28 of stat; fields are counted from the last `)`.
std::uint64_t stack_start_of(std::string_view stat) {
  stat.remove_prefix(std::min(stat.rfind(')'), stat.size()));
  for (int field = 2; field < 28; ++field) {
    const auto blank = stat.find(' ');
    if (blank == std::string_view::npos) return 0;
    stat.remove_prefix(blank + 1);
  }
  std::uint64_t value = 0;
  std::from_chars(stat.data(), stat.data() + stat.size(), value);
  return value <= 1 ? 0 : value;   // 1 and 0 stand for "may not be seen"
}

std::size_t common_prefix(std::string_view a, std::string_view b) {
  return static_cast<std::size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
}

}  // namespace

Result<Discovery> Discovery::open(const TargetKeys& keys, std::string proc) {
  Discovery discovery;
  discovery.keys_ = keys;
  discovery.keys_.container_id = normal_container_id(keys.container_id);
  discovery.keys_.pod_uid = normal_pod_uid(keys.pod_uid);
  discovery.proc_ = std::move(proc);
  const std::string self = discovery.proc_ + "/self/";
  discovery.node_ = NodeView(read_file(self + "cgroup", kMostCgroup).value_or(""), read_file(self + "mountinfo", kMostMountinfo).value_or(""));
  discovery.tree_.emplace(keys.pids, keys.children, discovery.proc_);
  if (!keys.app_name.empty()) discovery.prefixes_.push_back(keys.app_name + "-" + keys.version_id + "_uWSGI worker");
  if (!keys.procname_prefix.empty()) discovery.prefixes_.push_back(keys.procname_prefix);
  if (keys.cmdline_regex.empty()) return discovery;
  auto regex = Regex::compile(keys.cmdline_regex);
  if (!regex) return fail(Exit::BadParams, "cmdline_regex is not a regular expression: {}", regex.error().message);
  discovery.regex_ = std::move(*regex);
  return discovery;
}

std::string Discovery::read(pid_t pid, const char* file, std::size_t most) const {
  return read_file(proc_ + "/" + std::to_string(pid) + "/" + file, most).value_or("");
}

Discovery::Folder Discovery::folder(pid_t pid) const {
  struct stat status {};
  if (::stat((proc_ + "/" + std::to_string(pid)).c_str(), &status) != 0) return {};
  return {status.st_ino, status.st_ctim.tv_sec, status.st_ctim.tv_nsec};
}

std::vector<Found> Discovery::look() {
  std::vector<Found> found;
  std::vector<pid_t> pids = keys_.pids.empty() ? all_pids(proc_) : tree_->look();
  if (!keys_.pids.empty()) std::erase_if(pids, [&](pid_t pid) { return process_of(pid, proc_) != pid; });   // a thread's id is no process
  pod_logs_new_ = false;
  std::set<Identity> seen;
  std::map<pid_t, Passed> passed;
  const std::uint64_t now = monotonic_ns();
  for (const pid_t pid : pids) {
    if (is_self(pid)) continue;
    const Folder own = folder(pid);
    auto before = passed_.find(pid);
    if (before != passed_.end() && before->second.folder != own) {
      passed_.erase(before);
      before = passed_.end();
    }
    if (before != passed_.end() && now < before->second.again) {
      passed.insert(*before);
    } else if (auto one = match(pid)) {
      seen.insert(one->id);
      found.push_back(std::move(*one));
    } else {
      const std::uint64_t since = before == passed_.end() ? now : before->second.since;
      passed[pid] = {since, now + std::min(now - since, kLongestPass), own};
    }
  }
  passed_ = std::move(passed);
  // The node's own word goes before that of a user's engine.
  if (std::any_of(found.begin(), found.end(), [](const Found& one) { return one.container.owner.empty(); }) && keys_.by_container()) {
    std::erase_if(found, [](const Found& one) { return !one.container.owner.empty(); });
  }
  std::erase_if(containers_, [&](const auto& item) { return !seen.contains(item.first); });
  return found;
}

std::optional<Found> Discovery::match(pid_t pid) {
  Found found;
  // Of a whole node: what is excluded is not read.
  const bool all = keys_.selection.all_containers;
  if (all && (!identify(pid, found) || !matches_container(found.container, found.why))) return {};
  found.command_line = without_padding(read(pid, "cmdline", kMostCommandLine));
  const pid_t by_pid = keys_.pids.empty() ? 0 : pid;
  // Kernel threads and zombies have none.
  if (found.command_line.empty() || !matches_command_line(as_line(found.command_line), by_pid, found.why)) return {};
  // A million processes may have as long ones: where it is cut, the ellipsis says so.
  if (found.command_line.size() > kKeptCommandLine) found.command_line = found.command_line.substr(0, kKeptCommandLine) + "…";
  if (!all && (!identify(pid, found) || !matches_container(found.container, found.why))) return {};
  return found;
}

// Which process and program it is, and whose; false where it is none any more.
bool Discovery::identify(pid_t pid, Found& found) {
  const std::string text = read(pid, "stat", 4096);
  const auto stat = parse_stat(text);
  if (!stat || stat->state == 'Z' || stat->state == 'X') return false;
  if (stat->parent == self_ && stat->comm == kCourierName) return false;
  found.id = {pid, stat->start_time};
  found.stack_start = stack_start_of(text);
  const auto [known, fresh] = containers_.try_emplace(found.id);
  if (fresh) name_pod(known->second = container_of(pid));
  found.container = known->second;
  return true;
}

// The kubelet's log folders on the node say it; a target's own hostname and token folder are its tenant's to write.
void Discovery::name_pod(Container& container) {
  const auto known = [&] { return pod_of_uid(pod_logs_, container.pod_uid, container.pod_namespace, container.pod_name); };
  if (container.pod_uid.empty() || known() || pod_logs_new_) return;
  pod_logs_ = pod_logs(node_, proc_);
  pod_logs_new_ = true;
  known();
}

Container Discovery::container_of(pid_t pid) const {
  return node_.container_of(read(pid, "cgroup", kMostCgroup), read(pid, "mountinfo", kMostMountinfo));
}

bool Discovery::matches_command_line(const std::string& line, pid_t by_pid, std::string& why) const {
  for (const std::string& prefix : prefixes_) {
    if (!line.starts_with(prefix)) return false;
  }
  if (regex_ && !regex_->matches(line)) return false;
  const auto because = [&](bool given, const char* key) {
    if (given) (why += why.empty() ? "" : ", ") += key;
  };
  because(!keys_.app_name.empty(), "app_name and version_id");
  because(!keys_.procname_prefix.empty(), "procname_prefix");
  because(!keys_.cmdline_regex.empty(), "cmdline_regex");
  because(by_pid != 0, tree_->asked_for(by_pid) ? "pid" : "child of pid");
  return true;
}

bool Discovery::matches_selection(const Container& container, std::string& why) const {
  if (container.id.empty() && container.pod_uid.empty()) {
    why = "host_processes";
    return keys_.selection.host_processes;
  }
  why = "all_containers";
  return keys_.selection.rate_of({container.pod_namespace, container.pod_name, container.name}).has_value();
}

bool Discovery::matches_container(const Container& container, std::string& why) const {
  if (!keys_.by_container()) return true;
  if (keys_.selection.all_containers && !matches_selection(container, why)) return false;
  if (!keys_.container_id.empty() && !container.id.starts_with(keys_.container_id)) return false;
  if (!keys_.pod_uid.empty() && container.pod_uid != keys_.pod_uid) return false;
  if (!keys_.container_name.empty() && container.name != keys_.container_name) return false;
  if (!matches_pod_name(container)) return false;
  for (const auto& [given, key] : {std::pair{&keys_.container_id, "container_id"}, {&keys_.pod_uid, "pod_uid"},
                                   {&keys_.pod_name, "pod_name"}, {&keys_.pod_namespace, "namespace"},
                                   {&keys_.container_name, "container_name"}}) {
    if (!given->empty()) (why += why.empty() ? "" : ", ") += key;
  }
  if (!container.owner.empty()) why += " (as the engine of " + container.owner + " says)";
  return true;
}

bool Discovery::matches_pod_name(const Container& container) const {
  return (keys_.pod_name.empty() || container.pod_name == keys_.pod_name) && (keys_.pod_namespace.empty() || container.pod_namespace == keys_.pod_namespace);
}

bool Discovery::lives(const Found& found) const {
  const std::string text = read(found.id.pid, "stat", 4096);
  const auto stat = parse_stat(text);
  return stat && stat->state != 'Z' && stat->state != 'X' && stat->start_time == found.id.start_time &&
         stack_start_of(text) == found.stack_start;
}

Error Discovery::nobody() const {
  if (keys_.pids.empty()) return {Exit::NoTarget, why_none()};
  Error first = why_no_process(keys_.pids.front(), proc_);
  if (keys_.pids.size() > 1) first.message += fmt::format("; of {} pids none is a target", keys_.pids.size());
  return first;
}

std::string Discovery::why_none() const {
  std::string wanted = prefixes_.empty() ? std::string() : prefixes_.back();
  std::vector<std::pair<std::size_t, std::string>> near;
  std::size_t seen = 0;
  for (const pid_t pid : all_pids(proc_)) {
    const std::string line = without_padding(read(pid, "cmdline", kMostCommandLine));
    if (line.empty()) continue;
    ++seen;
    if (is_self(pid)) continue;
    near.emplace_back(common_prefix(wanted, as_line(line)), fmt::format("{} `{}`", pid, redact_command_line(line, 72)));
  }
  std::stable_sort(near.begin(), near.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  // A regular expression is no name, so label() leaves it out; here it is what the reader wants to see.
  const std::string asked_for = keys_.cmdline_regex.empty() ? keys_.label() : "cmdline_regex `" + keys_.cmdline_regex + "`";
  std::string text = fmt::format("no process matches {}", asked_for);
  if (keys_.by_container()) text += " in the container or pod asked for" + why_not_sure();
  else if (!wanted.empty()) text += fmt::format(": no command line starts with `{}`", redact_command_line(wanted, 128));
  if (!sees_host(proc_)) {
    return text + fmt::format("; the agent sees {}, its own only: the pod needs `hostPID: true` (docker run --pid=host)", counted(seen, "process", "processes"));
  }
  text += "; the agent sees " + counted(seen, "process", "processes");
  if (!near.empty()) text += "; the nearest:";
  for (std::size_t i = 0; i < std::min<std::size_t>(near.size(), 3); ++i) text += (i == 0 ? " " : ", ") + near[i].second;
  return text;
}

// What speaks for a process, but may be its tenant's own word.
std::string Discovery::why_not_sure() const {
  if ((!keys_.pod_name.empty() || !keys_.pod_namespace.empty()) && pod_logs(node_, proc_).empty()) {
    return ": pod names come from the kubelet's folder /var/log/pods, and the node's init (process 1) does not show it here; name pod_uid "
           "or container_id";
  }
  for (const pid_t pid : all_pids(proc_)) {
    const Container container = container_of(pid);
    for (const std::string& claim : container.claims) {
      if ((keys_.container_id.empty() || !claim.starts_with(keys_.container_id)) && (keys_.pod_uid.empty() || claim != keys_.pod_uid)) continue;
      return fmt::format(": process {} says so only below the control group of {}, which it may write itself; to profile a node inside a "
                         "container, run the agent in that node", pid, container.id.empty() ? "another" : "container " + container.id.substr(0, 12));
    }
  }
  return {};
}

std::vector<std::string> pod_logs(const NodeView& node, const std::string& proc) {
  const auto text = [&](const char* file, std::size_t most) { return read_file(proc + "/1/" + file, most).value_or(""); };
  if (!node.container_of(text("cgroup", kMostCgroup)).pod_uid.empty()) return {};
  const auto root = open_root(1, proc);
  return root ? list_target_folder(root->get(), "/var/log/pods") : std::vector<std::string>();
}

bool pod_of_uid(const std::vector<std::string>& logs, const std::string& uid, std::string& pod_namespace, std::string& name) {
  bool found = false;
  for (const std::string& entry : logs) {
    const auto first = entry.find('_'), last = entry.rfind('_');
    if (first == last || last == std::string::npos || entry.substr(last + 1) != uid) continue;
    pod_namespace = entry.substr(0, first);
    name = entry.substr(first + 1, last - first - 1);
    found = true;
  }
  return found;
}

bool sees_host(const std::string& proc) {
  // The initial PID namespace has a fixed inode (PROC_PID_INIT_INO); kthreadd is only ever seen from there, too.
  char link[64] = {};
  const ssize_t size = readlink((proc + "/self/ns/pid").c_str(), link, sizeof link - 1);
  if (size > 0 && std::string_view(link, static_cast<std::size_t>(size)) == "pid:[4026531836]") return true;
  if (read_file(proc + "/2/comm", 64).value_or("") == "kthreadd\n") return true;
  // A nested node (kind) or a shared PID namespace: more than this container's processes are to be seen. A mount's number
  // is another in each mount namespace, and unlike ns/mnt it may be read without SYS_PTRACE.
  std::set<std::string> roots;
  for (const pid_t pid : all_pids(proc)) {
    const std::string mounts = read_file(proc + "/" + std::to_string(pid) + "/mountinfo", 64).value_or("");
    if (const auto end = mounts.find(' '); end != std::string::npos) roots.insert(mounts.substr(0, end));
    if (roots.size() > 1) return true;
  }
  return false;
}

}  // namespace sampan

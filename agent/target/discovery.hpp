// Target -> processes: everything in /proc that matches all the keys that were given, looked at again and again.
// Command lines and files of a target are its tenant's own bytes: where a container or pod is asked for, what the
// kernel and the kubelet say decides, and every process taken bears the reason why.
#pragma once

#include <unistd.h>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/contract/stages.hpp"
#include "agent/contract/regex.hpp"
#include "agent/target/containers.hpp"
#include "agent/target/process_tree.hpp"
#include "samplers/process/identity.hpp"

namespace sampan {

// A process's program: exec keeps pid and start time, but lays out the stack anew (field 28 of /proc/PID/stat).
struct Found {
  Identity id;
  std::uint64_t stack_start = 0;   // 0: not readable
  std::string command_line;        // as it is, its first 4 KiB, NULs between arguments: redact before showing
  std::string why;                 // `procname_prefix; pod 1234…, container web`
  Container container;
  bool operator==(const Found& other) const { return id == other.id && stack_start == other.stack_start; }
};

class Discovery {
 public:
  // `proc` is where procfs is mounted; tests lay out trees of their own.
  static Result<Discovery> open(const TargetKeys& keys, std::string proc = "/proc");

  // Every process that matches now, by pid; the agent itself never does.
  std::vector<Found> look();
  // Whether one that was found is still there and the same program.
  bool lives(const Found& found) const;
  // Whether processes may match that were not there at first: a pid is one process, never a later one of that number, but
  // it may start others.
  bool may_grow() const { return keys_.pids.empty() || keys_.children; }
  // Whether some may match though none is left.
  bool may_return() const { return keys_.pids.empty(); }
  // The error where nothing matches: for pids, what they are instead; else why_none().
  Error nobody() const;
  // The sentence for exit 3: what was looked for, the nearest command lines, and whether hostPID is missing.
  std::string why_none() const;

 private:
  Discovery() = default;
  bool is_self(pid_t pid) const { return pid == self_ || pid == ::getpid(); }   // sampling may run in a process beside
  std::optional<Found> match(pid_t pid);
  bool identify(pid_t pid, Found& found);
  void name_pod(Container& container);
  bool matches_command_line(const std::string& line, pid_t by_pid, std::string& why) const;   // by_pid 0: not by its number
  bool matches_container(const Container& container, std::string& why) const;
  bool matches_pod_name(const Container& container) const;
  bool matches_selection(const Container& container, std::string& why) const;
  Container container_of(pid_t pid) const;
  std::string why_not_sure() const;
  std::string read(pid_t pid, const char* file, std::size_t most) const;
  // Which /proc/PID it is: another process of that number has another one. Cheaper than its start time.
  struct Folder {
    std::uint64_t inode = 0;
    std::int64_t seconds = 0, nanoseconds = 0;
    bool operator==(const Folder&) const = default;
  };
  Folder folder(pid_t pid) const;

  // A process that does not match: a new one is looked at each time, an old one now and then (it may change its title).
  struct Passed {
    std::uint64_t since, again;   // monotonic ns
    Folder folder;
  };

  TargetKeys keys_;
  pid_t self_ = ::getpid();
  std::string proc_;
  NodeView node_;
  std::map<pid_t, Passed> passed_;
  std::optional<ProcessTree> tree_;     // of the pids asked for
  std::vector<std::string> prefixes_;   // all must hold
  std::optional<Regex> regex_;
  std::map<Identity, Container> containers_;   // a process's container never changes
  std::vector<std::string> pod_logs_;          // names of the kubelet's log folders
  bool pod_logs_new_ = false;                  // they were read in this look
};

// The namespace and name of pods by UID, as <root>/var/log/pods/<namespace>_<name>_<uid> names them; false where
// the folder cannot be read.
bool pod_of_uid(const std::vector<std::string>& logs, const std::string& uid, std::string& pod_namespace, std::string& name);

// The folder in which the kubelet lays a folder for each pod, read in the root of the node's init; none where process 1 is
// not the node's (the agent shares a pod's process namespace): a tenant may have laid it.
std::vector<std::string> pod_logs(const NodeView& node, const std::string& proc = "/proc");

// True where `proc` shows the whole machine's processes, or at least those of more than this container.
bool sees_host(const std::string& proc = "/proc");

}  // namespace sampan

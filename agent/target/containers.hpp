// Which container a process runs in, from its cgroup path and its mounts alone: no runtime socket, no API server.
#pragma once

#include <string>
#include <string_view>

namespace sampan {

struct Container {
  std::string id;          // 64 hex digits; empty: none, or the cgroup namespace hides it
  std::string pod_uid;     // with dashes, or 32 hex digits (static pods: the hash of their manifest)
  std::string name;        // the container's name in its pod
  bool operator==(const Container&) const = default;
};

// /proc/PID/cgroup, v1 or v2, of systemd's or cgroupfs' driver, of containerd, CRI-O, Docker, kind; the rightmost
// id counts, since kind nests two. `crio-conmon-` is the monitor beside a container, not the container.
Container parse_cgroup(std::string_view text);

// /proc/PID/mountinfo: kubelet mounts <root>/pods/<uid>/containers/<name>/<file> as the termination log, and
// runtimes mount files from folders that bear the container's id. Fills what `into` has not.
void parse_mountinfo(std::string_view text, Container& into);

}  // namespace sampan

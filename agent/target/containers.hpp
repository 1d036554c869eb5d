// Which container a process runs in, from its control group and its mounts alone: no runtime socket, no API server.
// A container may write the control groups below its own (and a user those below user@UID.service): what stands there is a
// claim, kept apart and never taken for proof.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace sampan {

struct Container {
  std::string id = {};        // 64 hex digits; empty: none, or not known for sure
  std::string pod_uid = {};   // with dashes, or 32 hex digits (static pods: the hash of their manifest)
  std::string name = {};      // the container's name in its pod
  std::string owner = {};     // `user 1000`: only that user's own engine says so (rootless podman, Docker); empty: the node's does
  std::string pod_name = {}, pod_namespace = {};   // as the kubelet's log folders name them; empty: not known
  std::vector<std::string> claims = {};   // ids and pod UIDs said where the container itself may write
  bool operator==(const Container&) const = default;
};

// The node as the agent sees it. Where the agent itself runs in a node that is a container (kind, a nested engine), that
// container's level is above its own and is passed over; what it sees beneath another's container is that one's claim.
class NodeView {
 public:
  NodeView() = default;
  // The agent's own /proc/self/cgroup and /proc/self/mountinfo.
  NodeView(std::string_view own_cgroup, std::string_view own_mountinfo);

  // /proc/PID/cgroup (v1 or v2; of systemd's or cgroupfs' driver; of containerd, CRI-O, Docker, podman; the first id on the
  // node's own level counts, `crio-conmon-` and `libpod-conmon-` are monitors beside a container) and /proc/PID/mountinfo,
  // where the kubelet's termination log names the container: <root>/pods/<uid>/containers/<name>/<file>.
  Container container_of(std::string_view cgroup, std::string_view mountinfo = {}) const;

 private:
  void read_path(std::string_view path, Container& into) const;

  std::map<std::string, std::string, std::less<>> above_;   // controllers → the path above the agent's own container
  std::string own_cgroup_;
  std::string pod_uid_;                                     // the agent's own pod
};

}  // namespace sampan

#include "agent/target/containers.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "agent/contract/container_ids.hpp"

namespace sampan {
namespace {

constexpr std::size_t kIdSize = 64;
constexpr std::size_t kMostClaims = 16;

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }
bool all_hex(std::string_view text) { return !text.empty() && std::all_of(text.begin(), text.end(), is_hex); }

// The next piece up to a separator, taken off the text.
std::string_view take(std::string_view& text, char separator) {
  const auto end = std::min(text.find(separator), text.size());
  const auto piece = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return piece;
}

// `cri-containerd-<id>.scope`, `crio-<id>`, `docker-<id>.scope`, `libpod-<id>.scope`, `<id>`, `…slice:cri-containerd:<id>`
std::string container_of_segment(std::string_view segment) {
  if (segment.ends_with(".scope")) segment.remove_suffix(6);
  if (segment.find("-conmon-") != std::string_view::npos) return {};   // CRI-O's and podman's monitors
  if (segment.size() < kIdSize) return {};
  const auto id = segment.substr(segment.size() - kIdSize);
  const bool bounded = segment.size() == kIdSize || !std::isalnum(static_cast<unsigned char>(segment[segment.size() - kIdSize - 1]));
  return bounded && all_hex(id) ? std::string(id) : std::string();
}

// A UID with dashes (8-4-4-4-12), or a static pod's 32 hex digits.
bool is_pod_uid(std::string_view uid) {
  if (uid.size() == 32) return all_hex(uid);
  if (uid.size() != 36) return false;
  for (std::size_t i = 0; i < uid.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? uid[i] != '-' : !is_hex(uid[i])) return false;
  }
  return true;
}

// `kubepods-burstable-pod<uid with _>.slice`, `pod<uid>`, `…pod<uid>.slice:cri-containerd:<id>`
std::string pod_of_segment(std::string_view segment) {
  segment = segment.substr(0, segment.find(".slice"));
  const auto at = segment.rfind("pod");
  if (at == std::string_view::npos || (at != 0 && segment[at - 1] != '-')) return {};
  const std::string uid = normal_pod_uid(segment.substr(at + 3));
  return is_pod_uid(uid) ? uid : std::string();
}

// The user whose own systemd lays out what is below: `user@1000.service`.
std::string_view user_of_segment(std::string_view segment) {
  if (!segment.starts_with("user@") || !segment.ends_with(".service")) return {};
  return segment.substr(5, segment.size() - 5 - 8);
}

// A machine of LXC or systemd-nspawn, which lays out what is below: `lxc.payload.web`, `machine-web.scope`.
bool is_machine(std::string_view segment) {
  return segment.starts_with("lxc.payload") || (segment.starts_with("machine-") && segment.ends_with(".scope"));
}

// podman's pods under cgroupfs bear an id as its containers do: `libpod_parent/<pod>/libpod-<id>`.
bool is_podmans_pod(std::string_view before, std::string_view segment) { return before == "libpod_parent" && segment.size() == kIdSize; }

// The part of the agent's own path that is above its own container, up to the last level that somebody below may write.
std::string_view above(std::string_view own) {
  std::size_t at = 0, owned = 0, before = 0;   // `owned`: the end of the last such level, `before`: of the one before
  bool in_container = false;
  for (std::string_view rest = own, last; !rest.empty();) {
    const auto segment = take(rest, '/');
    const std::size_t end = at + segment.size();
    const bool id = !container_of_segment(segment).empty() && !is_podmans_pod(last, segment);
    if (id || is_machine(segment) || !user_of_segment(segment).empty()) {
      before = owned;
      owned = end;
      in_container = id;
    }
    at = end + 1;
    last = segment;
  }
  return own.substr(0, in_container ? before : owned);
}

// `…/pods/<uid>/containers/<name>/<file>` of that pod: the name. A volume's own path is the tenant's to choose.
std::string name_of_source(std::string_view path, std::string_view pod_uid) {
  std::array<std::string_view, 4> last;   // the four segments before the current one
  while (!path.empty()) {
    const auto segment = take(path, '/');
    if (segment == "volumes" || segment == "volume-subpaths") return {};
    if (last[0] == "pods" && last[1] == pod_uid && last[2] == "containers" && path.empty()) return std::string(last[3]);
    last = {last[1], last[2], last[3], segment};
  }
  return {};
}

// The UID of the pod whose `…/pods/<uid>/…` the kubelet mounted at `place`.
std::string pod_of_mounts(std::string_view mountinfo) {
  while (!mountinfo.empty()) {
    std::string_view line = take(mountinfo, '\n');
    for (int field = 0; field < 3; ++field) take(line, ' ');
    std::string_view source = take(line, ' ');
    const auto place = take(line, ' ');
    if (place != "/dev/termination-log" && place != "/etc/hosts") continue;
    for (std::string_view before; !source.empty();) {
      const auto segment = take(source, '/');
      if (before == "pods" && is_pod_uid(segment)) return std::string(segment);
      before = segment;
    }
  }
  return {};
}

void claim(Container& into, std::string text) {
  if (!text.empty() && into.claims.size() < kMostClaims) into.claims.push_back(std::move(text));
}

// What one hierarchy of control groups says, beside what others said: where they differ, neither is sure.
void merge(std::string& known, std::string& said, bool& differ) {
  if (!known.empty() && !said.empty() && known != said) differ = true;
  if (known.empty()) known = std::move(said);
}

}  // namespace

NodeView::NodeView(std::string_view own_cgroup, std::string_view own_mountinfo) {
  for (std::string_view text = own_cgroup; !text.empty();) {
    std::string_view line = take(text, '\n');
    take(line, ':');
    const auto controllers = take(line, ':');
    if (const auto path = above(line); !path.empty()) above_[std::string(controllers)] = path;
  }
  pod_uid_ = container_of(own_cgroup).pod_uid;
  if (pod_uid_.empty()) pod_uid_ = pod_of_mounts(own_mountinfo);
  own_cgroup_ = own_cgroup;
}

void NodeView::read_path(std::string_view path, Container& into) const {
  const bool climbs = path.starts_with("/..");   // told from the agent's own control group
  bool first = true, below = false;
  for (std::string_view last; !path.empty();) {
    const auto segment = take(path, '/');
    if (segment.empty() || segment == "..") continue;
    std::string pod = pod_of_segment(segment), id = is_podmans_pod(last, segment) ? std::string() : container_of_segment(segment);
    // Nothing but a container's own level between it and the agent's: a container of the agent's own pod.
    if (first && climbs && pod.empty() && !id.empty()) pod = pod_uid_;
    first = false;
    last = segment;
    if (below || (!into.owner.empty() && !pod.empty())) {
      claim(into, std::move(pod));
      if (below) claim(into, std::move(id));
      if (below) continue;
    } else if (!pod.empty() && into.pod_uid.empty()) {
      into.pod_uid = std::move(pod);
    }
    if (const auto user = user_of_segment(segment); !user.empty()) into.owner = "user " + std::string(user);
    below = !id.empty() || is_machine(segment);
    into.id = std::move(id);
  }
  if (into.id.empty()) into.owner.clear();
}

Container NodeView::container_of(std::string_view cgroup, std::string_view mountinfo) const {
  Container container;
  bool differ = false;
  for (std::string_view text = cgroup; !text.empty();) {
    std::string_view line = take(text, '\n');
    take(line, ':');
    const auto node = above_.find(take(line, ':'));
    if (node != above_.end() && line.starts_with(node->second + "/")) line.remove_prefix(node->second.size());
    Container one;
    read_path(line, one);
    if (container.owner.empty()) container.owner = one.owner;
    for (std::string& text_of_claim : one.claims) claim(container, std::move(text_of_claim));
    merge(container.id, one.id, differ);
    merge(container.pod_uid, one.pod_uid, differ);
  }
  if (differ) {
    claim(container, std::exchange(container.id, {}));
    claim(container, std::exchange(container.pod_uid, {}));
  }
  if (container.pod_uid.empty() && !own_cgroup_.empty() && cgroup == own_cgroup_) container.pod_uid = pod_uid_;
  while (!mountinfo.empty() && !container.pod_uid.empty() && container.name.empty()) {
    std::string_view line = take(mountinfo, '\n');
    for (int field = 0; field < 3; ++field) take(line, ' ');
    container.name = name_of_source(take(line, ' '), container.pod_uid);
  }
  return container;
}

}  // namespace sampan

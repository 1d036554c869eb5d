#include "agent/target/containers.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include "agent/contract/container_ids.hpp"

namespace sampan {
namespace {

constexpr std::size_t kIdSize = 64;

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }
bool all_hex(std::string_view text) { return !text.empty() && std::all_of(text.begin(), text.end(), is_hex); }

// The next piece up to a separator, taken off the text.
std::string_view take(std::string_view& text, char separator) {
  const auto end = std::min(text.find(separator), text.size());
  const auto piece = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return piece;
}

// `cri-containerd-<id>.scope`, `crio-<id>`, `docker-<id>.scope`, `<id>`, `…slice:cri-containerd:<id>`
std::string container_of(std::string_view segment) {
  if (segment.ends_with(".scope")) segment.remove_suffix(6);
  if (segment.find("crio-conmon-") != std::string_view::npos) return {};
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
std::string pod_of(std::string_view segment) {
  segment = segment.substr(0, segment.find(".slice"));
  const auto at = segment.rfind("pod");
  if (at == std::string_view::npos || (at != 0 && segment[at - 1] != '-')) return {};
  const std::string uid = normal_pod_uid(segment.substr(at + 3));
  return is_pod_uid(uid) ? uid : std::string();
}

void parse_path(std::string_view path, Container& into) {
  while (!path.empty()) {
    const auto segment = take(path, '/');
    if (std::string uid = pod_of(segment); !uid.empty()) into.pod_uid = std::move(uid);
    if (std::string id = container_of(segment); !id.empty()) into.id = std::move(id);
  }
}

// A path that a mount's source shows: `…/pods/<uid>/containers/<name>/<file>`, `…/containers/<id>/hostname`
void parse_source(std::string_view path, Container& into) {
  std::array<std::string_view, 3> last;   // the three segments before the current one
  while (!path.empty()) {
    const auto segment = take(path, '/');
    const bool pod = last[1] == "pods" && is_pod_uid(last[2]) && (segment == "containers" || segment == "etc-hosts" || segment == "volumes");
    if (pod && into.pod_uid.empty()) into.pod_uid = last[2];
    if (last[0] == "pods" && is_pod_uid(last[1]) && last[2] == "containers" && into.name.empty()) into.name = segment;
    if (last[2] == "containers" && segment.size() == kIdSize && all_hex(segment) && into.id.empty()) into.id = segment;
    last = {last[1], last[2], segment};
  }
}

}  // namespace

Container parse_cgroup(std::string_view text) {
  Container container;
  while (!text.empty()) {
    std::string_view line = take(text, '\n');
    take(line, ':');
    take(line, ':');
    Container of_line;
    parse_path(line, of_line);
    if (!of_line.id.empty()) container.id = of_line.id;
    if (!of_line.pod_uid.empty()) container.pod_uid = of_line.pod_uid;
  }
  return container;
}

void parse_mountinfo(std::string_view text, Container& into) {
  while (!text.empty()) {
    std::string_view line = take(text, '\n');
    for (int field = 0; field < 3; ++field) take(line, ' ');
    const auto source = take(line, ' ');
    const auto place = take(line, ' ');
    // Only what a kubelet or a runtime mounts itself: a volume's own path is the tenant's to choose.
    const bool known = place == "/dev/termination-log" || place == "/etc/hosts" || place == "/etc/hostname" || place == "/etc/resolv.conf";
    const bool log = source.find("/containers/") != std::string_view::npos && source.find("/volumes/") == std::string_view::npos &&
                     source.find("/volume-subpaths/") == std::string_view::npos;
    if (known || log) parse_source(source, into);
  }
}

}  // namespace sampan

#include "agent/contract/stages.hpp"

namespace sampan {

bool TargetKeys::any() const {
  return !app_name.empty() || !procname_prefix.empty() || !cmdline_regex.empty() || !pids.empty() || by_container();
}

bool TargetKeys::by_container() const {
  return selection.all_containers || !container_id.empty() || !pod_uid.empty() || !pod_name.empty() || !pod_namespace.empty() || !container_name.empty();
}

std::string TargetKeys::label() const {
  if (!app_name.empty()) return app_name + "-" + version_id;
  for (const std::string* text : {&procname_prefix, &pod_name, &container_name, &container_id, &pod_uid, &pod_namespace}) {
    if (!text->empty()) return *text;
  }
  if (selection.all_containers) return "node";
  return pids.empty() ? "processes" : "pid-" + std::to_string(pids[0]);
}

std::optional<FrameKind> split_kind(SplitBy split_by) {
  switch (split_by) {
    case SplitBy::None: return {};
    case SplitBy::Container: return FrameKind::Container;
    case SplitBy::Pod: return FrameKind::Pod;
    case SplitBy::Process: return FrameKind::Process;
  }
  return {};
}

const char* tier_name(Tier tier) {
  return tier == Tier::Ebpf ? "ebpf" : tier == Tier::Ptrace ? "ptrace" : "memory";
}

const char* event_name(Event event) {
  switch (event) {
    case Event::Cpu: return "cpu";
    case Event::Wall: return "wall";
    case Event::OffCpu: return "offcpu";
    case Event::Gil: return "gil";
  }
  return "";
}

}  // namespace sampan

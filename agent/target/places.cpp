#include "agent/target/places.hpp"

#include <fmt/format.h>

#include <string_view>

#include "agent/guard/redact.hpp"
#include "agent/target/node.hpp"

namespace sampan {

std::string place_of(const Container& container) {
  std::string text;
  if (!container.id.empty() || !container.name.empty()) {
    text += fmt::format(", in container {}{}", printable(container.name, 64), container.id.empty() ? "" : " " + container.id.substr(0, 12));
  }
  if (!container.pod_uid.empty()) text += fmt::format(" of pod {}", container.pod_uid);
  return text;
}

std::vector<Frame> frames_above(const std::vector<FrameKind>& kinds, const Container& container) {
  static const std::string node = node_name();
  std::vector<Frame> frames;
  for (const FrameKind kind : kinds) {
    const std::string_view short_id = std::string_view(container.id).substr(0, 12);
    Frame frame{kind, {}, {}};
    if (kind == FrameKind::Host) frame.name = node;
    if (kind == FrameKind::Namespace) frame.name = container.pod_namespace;
    if (kind == FrameKind::Pod) frame.name = container.pod_name.empty() ? container.pod_uid : container.pod_name, frame.file = container.pod_uid;
    if (kind == FrameKind::Container) frame.name = container.name.empty() ? short_id : container.name, frame.file = container.id;
    if (!frame.name.empty()) frames.push_back(frame);
  }
  return frames;
}

}  // namespace sampan

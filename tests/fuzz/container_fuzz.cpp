// cgroup and mountinfo texts of any bytes: an id of 64 hex digits or none, a pod UID of its form or none.
#include <cstdlib>
#include <string_view>

#include "agent/contract/container_ids.hpp"
#include "agent/target/containers.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sampan;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t half = size / 2;
  const Container container = NodeView(text, text).container_of(text.substr(0, half), text.substr(half));
  const auto hex = [](const std::string& id) { return id.find_first_not_of("0123456789abcdef-") == std::string::npos; };
  if (!container.id.empty() && (container.id.size() != 64 || !hex(container.id))) std::abort();
  if (!container.pod_uid.empty() && ((container.pod_uid.size() != 32 && container.pod_uid.size() != 36) || !hex(container.pod_uid))) std::abort();
  if (container.name.find('/') != std::string::npos) std::abort();
  normal_container_id(text);
  normal_pod_uid(text);
  return 0;
}

// Ids of containers and pods as people write them, brought into the form in which they are compared.
#pragma once

#include <string>
#include <string_view>

namespace sampan {

// A user's way to write an id: bare, `containerd://…`, `docker://…`, `cri-o://…`; lower-case hex of at least 12
// digits, or empty.
std::string normal_container_id(std::string_view text);

// The form in which pod UIDs are compared: `_` as `-`, lower case.
std::string normal_pod_uid(std::string_view text);

}  // namespace sampan

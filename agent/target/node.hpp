// The node's own name.
#pragma once

#include <string>

namespace sampan {

// Told by the manifest (NODE_NAME), else as the host's own init sees it, else this container's host name.
std::string node_name();

}  // namespace sampan

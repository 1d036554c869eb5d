// The certificate authorities that the binary brings along: Mozilla's, as Debian packs them.
#pragma once

#include <string>

namespace sampan {

// All as one PEM text, unpacked when first asked for; empty where that fails, so that no server is trusted.
const std::string& ca_bundle();

}  // namespace sampan

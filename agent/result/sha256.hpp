// SHA-256 as file names, headers and the result show it.
#pragma once

#include <string>
#include <string_view>

namespace sampan {

// 64 lower-case hex digits.
std::string sha256_hex(std::string_view bytes);

}  // namespace sampan

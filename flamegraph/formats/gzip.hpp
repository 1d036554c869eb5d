// Packs bytes as gzip, which carry no time: equal bytes stay equal.
#pragma once

#include <string>

namespace sampan {
// Empty where zlib fails.
std::string gzip(const std::string& data);
}

// Secrets that params name: read from where they stand, and hidden from all that is told.
#pragma once

#include <cstddef>
#include <string>

#include "agent/result/progress.hpp"
#include "samplers/base/result.hpp"

namespace sampan {

constexpr std::size_t kMostSecret = 64 * 1024;   // bytes of a file

// Both fail with exit 2 where there is none.
Result<std::string> secret_of_variable(const std::string& name, Progress& progress);
Result<std::string> secret_of_file(const std::string& path, Progress& progress);   // one line

// A header's value; the scheme word before a token (`Bearer abc`) is no secret, the token alone is.
void hide_header(const std::string& value, Progress& progress);
// Presigned URLs carry their signature in the query; others a user and password before the host.
void hide_url(const std::string& url, Progress& progress);

}  // namespace sampan

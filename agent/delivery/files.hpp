// Files in output_dir: written whole or not at all.
#pragma once

#include <string>
#include <string_view>

#include "samplers/base/result.hpp"

namespace sampan {

// Writes dir/name: under no name, or a hidden one, until all bytes are on the disk. Returns the path. What bore
// the name before is replaced in one moment, and the folder's own entry is on the disk, too.
Result<std::string> write_whole(const std::string& dir, const std::string& name, std::string_view bytes);

// Makes the folder where it is missing and tries to write there; the sentence says what to mount.
Result<void> probe_directory(const std::string& dir);

}  // namespace sampan

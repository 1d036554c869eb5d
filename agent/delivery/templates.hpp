// URL, header and form templates: `{app_name}`, `{version_id}`, `{pod}`, `{node}`, `{time}`, `{run}`, `{name}`,
// `{format}`, `{sha256}`. Any other word in braces is an error, so that a typing slip names no object.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "samplers/base/result.hpp"

namespace sampan {

using Words = std::map<std::string, std::string, std::less<>>;

enum class Escape { None, Url };   // Url: what is no unreserved character becomes %XX

// `{{` and `}}` stand for the braces themselves.
Result<std::string> expand(std::string_view text, const Words& words, Escape escape = Escape::None);

std::string percent_encode(std::string_view text);

}  // namespace sampan

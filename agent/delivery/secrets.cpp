#include "agent/delivery/secrets.hpp"

#include <cstdlib>

#include "agent/guard/url.hpp"
#include "samplers/process/files.hpp"

namespace sampan {

Result<std::string> secret_of_variable(const std::string& name, Progress& progress) {
  const char* value = std::getenv(name.c_str());
  if (!value || !*value) return fail(Exit::BadParams, "the environment variable {} is missing", name);
  progress.hide(value);
  return std::string(value);
}

Result<std::string> secret_of_file(const std::string& path, Progress& progress) {
  auto text = read_file(path, kMostSecret);
  if (!text) return fail(Exit::BadParams, "the file {} cannot be read", path);
  text->erase(text->find_last_not_of(" \t\r\n") + 1);
  if (text->find_first_of("\r\n") != std::string::npos) return fail(Exit::BadParams, "the file {} holds more than one line", path);
  progress.hide(*text);
  return std::move(*text);
}

void hide_header(const std::string& value, Progress& progress) {
  progress.hide(value);
  if (const auto blank = value.rfind(' '); blank != std::string::npos) progress.hide(value.substr(blank + 1));
}

void hide_url(const std::string& text, Progress& progress) {
  constexpr std::size_t kShortest = 12;   // shorter values are names and numbers
  const auto url = Url::parse(text);
  if (!url) return;
  progress.hide(url->password());
  if (url->password().empty()) progress.hide(url->user());   // a token in the user's place
  for (const auto& [name, value] : url->query()) {
    if (value.size() >= kShortest) progress.hide(value);
  }
}

}  // namespace sampan

// Sentences for people, on standard error; standard output belongs to the events.
#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>

namespace sampan {

enum class LogLevel { Debug, Info, Warning };

// Replaces where sentences go (the agent turns them into events); nullptr restores standard error.
using LogSink = void (*)(LogLevel, const std::string&);
void set_log_sink(LogSink sink);
void log_line(LogLevel level, const std::string& line);

template <typename... Args>
void log_debug(fmt::format_string<Args...> text, Args&&... args) {
  log_line(LogLevel::Debug, fmt::format(text, std::forward<Args>(args)...));
}
template <typename... Args>
void log_info(fmt::format_string<Args...> text, Args&&... args) {
  log_line(LogLevel::Info, fmt::format(text, std::forward<Args>(args)...));
}
template <typename... Args>
void log_warning(fmt::format_string<Args...> text, Args&&... args) {
  log_line(LogLevel::Warning, fmt::format(text, std::forward<Args>(args)...));
}

}  // namespace sampan

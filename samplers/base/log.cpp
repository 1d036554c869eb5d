#include "samplers/base/log.hpp"

#include <cstdio>

namespace sampan {
namespace {
LogSink sink_ = nullptr;
}

void set_log_sink(LogSink sink) { sink_ = sink; }

void log_line(LogLevel level, const std::string& line) {
  if (sink_) return sink_(level, line);
  if (level == LogLevel::Debug) return;
  std::fprintf(stderr, "sampan: %s%s\n", level == LogLevel::Warning ? "warning: " : "", line.c_str());
}

}  // namespace sampan

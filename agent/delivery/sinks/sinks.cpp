#include <algorithm>

#include "agent/delivery/sinks/sink.hpp"

namespace sampan {

// Each file of this folder defines `Sink <name>_sink()`.
#define SINK(name) Sink name##_sink();
#include "agent/delivery/sinks/sinks.def"
#undef SINK

std::span<const Sink> sinks() {
  static const std::vector<Sink> rows = {
#define SINK(name) name##_sink(),
#include "agent/delivery/sinks/sinks.def"
#undef SINK
  };
  return rows;
}

std::vector<const SinkKind*> sink_kinds() {
  std::vector<const SinkKind*> kinds;
  for (const Sink& sink : sinks()) kinds.push_back(&sink);
  return kinds;
}

const Sink& sink_of(const Upload& upload) {
  const auto rows = sinks();
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const Sink& row) { return &row == upload.kind; });
  return found == rows.end() ? rows.front() : *found;
}

}  // namespace sampan

// PUT or POST of the file's bytes to a URL, presigned or not.
#include "agent/delivery/sinks/sink.hpp"

namespace sampan {

Sink plain_sink() {
  return {{.name = "", .schema = "{}", .method = "", .scheme = "", .formats = {}, .read = [](StrictJson&) { return std::shared_ptr<const SinkKeys>(); }},
          nullptr};
}

}  // namespace sampan

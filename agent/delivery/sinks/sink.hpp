// Kinds of destinations: each knows its keys of `upload`, what it requires, and how a file becomes its request.
#pragma once

#include <span>

#include "agent/contract/sink_kind.hpp"
#include "agent/contract/stages.hpp"
#include "agent/delivery/batch.hpp"
#include "agent/delivery/http.hpp"
#include "agent/delivery/templates.hpp"
#include "agent/result/progress.hpp"

namespace sampan {

// One file on its way to one destination; all live until its request is made.
struct Shipment {
  const Upload& upload;
  const Artifact& file;
  const Batch& batch;
  const Words& words;      // of templates
  Progress& progress;      // hides secrets
};

struct Sink : SinkKind {
  // Makes of a plain request (URL, method, headers and body stand) the sink's own; null: it stays as it is. `upload.keys`
  // are what this row's `read` made.
  Result<void> (*complete)(const Shipment& shipment, Request& request) = nullptr;
};

std::span<const Sink> sinks();
const Sink& sink_of(const Upload& upload);

}  // namespace sampan

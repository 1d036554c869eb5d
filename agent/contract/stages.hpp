// What each stage of the line takes of the params: one struct a stage. No room below the session sees the others' parts.
#pragma once

#include <sys/types.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/contract/recorder.hpp"
#include "agent/contract/selection.hpp"
#include "flamegraph/formats.hpp"
#include "flamegraph/svg/svg.hpp"
#include "samplers/sampler.hpp"

namespace sampan {

// Discovery: which processes; what is empty does not narrow.
struct TargetKeys {
  std::string app_name, version_id;
  std::string procname_prefix;
  std::string cmdline_regex;                 // RE2's syntax
  std::vector<pid_t> pids;
  bool children = true;                      // what those pids start, too
  std::string container_id, pod_uid, pod_name, pod_namespace, container_name;
  Selection selection;                       // of all containers, where these are asked for

  bool any() const;
  bool by_container() const;
  // `app-version` where both are given, else what comes closest to a name.
  std::string label() const;
};

// Sampling: what the samplers take, and what the run around them needs.
struct SamplingOptions : Options {
  Selection selection;                       // for what only a look at the process tells: its runtime
  std::vector<FrameKind> above;              // Host, Namespace, Pod, Container: frames that stand above processes
  unsigned seconds = 60;
  bool endless = false;                      // top without `seconds`: until a key or a signal ends it
  unsigned wait_seconds = 0;                 // for a target that is not there yet
  RecorderOptions recorder;
  std::string language = "auto";
  std::optional<Tier> tier;                  // none: auto
  bool children = true;
  unsigned max_processes = 256;
  bool by_route = false;                     // a Route frame above each stack (flamegraph/routes.hpp)
  bool time = true;                          // keep when samples were taken
  unsigned max_cpu_percent = 50;             // of one core
  unsigned max_memory_mb = 0;                // 0: by the agent's own cgroup, see agent/run/budget.hpp
};

// One result for each of these, instead of one in all.
enum class SplitBy : std::uint8_t { None, Container, Pod, Process };
std::optional<FrameKind> split_kind(SplitBy split_by);

// Drawing: from a profile to files in memory.
struct PictureOptions {
  std::vector<const Format*> formats = {find_format("svg")};
  std::string label;                         // files are `profile-<label>-<epoch>.<suffix>`: the target's, else the mode's
  std::string title, subtitle;               // an empty subtitle: what was seen, by which tier
  SplitBy split_by = SplitBy::None;
  bool split_shown = false;                  // the frames by which it is split stay in the pictures
  std::map<std::string, std::string> labels; // what the user adds to whose it is
  Picture picture;
};

struct SinkKind;
struct SinkKeys;

// One destination.
struct Upload {
  std::string url;                           // a template, see agent/delivery/templates.hpp
  std::string method;                        // PUT or POST
  std::map<std::string, std::string> headers;
  std::map<std::string, std::string> headers_from_env;    // header -> variable
  std::map<std::string, std::string> headers_from_file;   // header -> path
  std::vector<const Format*> formats;        // empty: every file that the kind takes
  const SinkKind* kind = nullptr;            // see agent/contract/sink_kind.hpp; none: a plain PUT or POST
  std::shared_ptr<const SinkKeys> keys;      // of that kind
  std::string ca_file, cert_file, key_file;
  unsigned timeout_seconds = 60;             // of one attempt
  unsigned retry_seconds = 120;              // from the first attempt to the start of the last
};

// Delivery: from files in memory to folders and servers.
struct DeliveryOptions {
  std::string output_dir = "/var/run";
  std::vector<Upload> uploads;
  std::string spool_dir;                     // what could not be sent waits here for the next cycle; empty: there is none
  unsigned spool_mb = 256, spool_hours = 24; // its bounds: the oldest go first, and are counted
};

// Of the mode diff: what is compared with `inputs`, and what is too much slower.
struct CompareOptions {
  std::vector<std::string> baseline;         // empty: `inputs` are two, before and after
  double self_percent_points = 0;            // a function's share of its own grew by more: exit code 9; 0: not asked for
  double total_ratio = 0;                    // a function's share with all that it calls, after to before; 0: not asked for

  bool limits() const { return self_percent_points > 0 || total_ratio > 0; }
};

// One profile after another.
struct SeriesOptions {
  unsigned every = 0;                        // seconds from one profile's start to the next one's; 0: one profile only
  unsigned count = 1;                        // 0: without end
  std::string metrics_file;                  // for node_exporter's textfile collector, written anew after each profile; empty: none
};

const char* tier_name(Tier tier);
const char* event_name(Event event);

}  // namespace sampan

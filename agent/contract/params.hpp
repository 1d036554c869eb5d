// The contract: one JSON object in the environment variable `params`. Strict: what is not in the table is an error.
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "flamegraph/svg/svg.hpp"
#include "samplers/base/result.hpp"
#include "samplers/sampler.hpp"

namespace sampan {

enum class Mode : std::uint8_t { Profile, Doctor, Dump, Top, Render, Merge, Diff };
enum class Format : std::uint8_t { Svg, Folded, Speedscope, Pprof };

// S3: the request is signed (SigV4). Keys come from the environment or from a file, never from params.
struct S3 {
  std::string region;
  std::string endpoint;                      // for s3:// URLs; empty: Amazon's own of the region
  std::string access_key_env = "AWS_ACCESS_KEY_ID";
  std::string secret_key_env = "AWS_SECRET_ACCESS_KEY";
  std::string session_token_env = "AWS_SESSION_TOKEN";
  std::string credentials_file;              // the AWS tools' own format; empty: the environment
  std::string credentials_profile = "default";
};

// Pyroscope's /ingest; the URL is the server's.
struct Pyroscope {
  std::string name;                          // empty: app_name, else "sampan"
  std::map<std::string, std::string> labels;
  std::string tenant;                        // X-Scope-OrgID
};

struct Upload {
  std::string url;                           // a template, see agent/delivery/templates.hpp
  std::string method;                        // PUT or POST
  std::map<std::string, std::string> headers;
  std::map<std::string, std::string> headers_from_env;    // header -> variable
  std::map<std::string, std::string> headers_from_file;   // header -> path
  std::map<std::string, std::string> form;   // not empty: multipart/form-data
  bool multipart = false;
  std::vector<Format> formats;               // empty: every file
  std::optional<S3> s3;
  std::optional<Pyroscope> pyroscope;
  std::string ca_file, cert_file, key_file;
  unsigned timeout_seconds = 60;             // of one attempt
  unsigned retry_seconds = 120;              // from the first attempt to the start of the last
};

// Which processes; what is empty does not narrow.
struct TargetKeys {
  std::string app_name, version_id;
  std::string procname_prefix;
  std::string cmdline_regex;                 // POSIX extended, with \d \w \s
  std::vector<pid_t> pids;
  std::string container_id, pod_uid, pod_name, pod_namespace, container_name;

  bool any() const;
  bool by_container() const;
  // `app-version` where both are given, else what comes closest to a name.
  std::string label() const;
};

struct Params {
  TargetKeys target;
  Options options;
  unsigned seconds = 60;
  std::string language = "auto";
  std::optional<Tier> tier;                  // none: auto
  bool children = true;
  unsigned max_processes = 256;
  std::vector<Format> formats = {Format::Svg};
  std::string output_dir = "/var/run";
  std::vector<Upload> uploads;
  std::string title, subtitle;
  Picture picture;
  Mode mode = Mode::Profile;
  bool endless = false;                      // top without `seconds`: until a key or a signal ends it
  std::vector<std::string> inputs;           // folded files or URLs
  unsigned every = 0;                        // seconds from one profile's start to the next one's
  unsigned count = 1;                        // 0: without end
  unsigned max_cpu_percent = 50;             // of one core
  unsigned max_memory_mb = 0;                // 0: by the agent's own cgroup, see agent/run/budget.hpp
};

// The sentence of a failure names the key, the value and what is allowed; exit code 2.
Result<Params> parse_params(std::string_view json);
// From the environment: `params`, else `PARAMS`, else the file that `params_file` names.
Result<Params> read_params();

// agent/params.schema.json, as embedded.
std::string_view params_schema();
// The keys that the parser knows, dotted (`upload.s3.region`), sorted; for the test against the schema.
std::vector<std::string> params_keys();

const char* format_name(Format format);      // also the file's extension, but for pprof: `pb.gz`
const char* tier_name(Tier tier);
const char* event_name(Event event);
const char* mode_name(Mode mode);

}  // namespace sampan

#include "agent/contract/params.hpp"

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "agent/contract/container_ids.hpp"
#include "agent/contract/params_selection.hpp"
#include "agent/contract/params_upload.hpp"
#include "agent/contract/params_when.hpp"
#include "agent/contract/regex.hpp"
#include "samplers/process/files.hpp"
#include "samplers/runtimes.hpp"

namespace sampan {
namespace {

constexpr std::size_t kMostBytes = 1 << 20;
constexpr unsigned kWeek = 7 * 86'400;

void read_target(StrictJson& reader, TargetKeys& target) {
  reader.text("app_name", target.app_name, 256);
  reader.number_or_text("version_id", target.version_id);
  reader.text("procname_prefix", target.procname_prefix);
  reader.text("cmdline_regex", target.cmdline_regex, 1024);
  reader.numbers("pid", target.pids, 1, 4'194'304);
  reader.text("container_id", target.container_id, 256);
  reader.text("pod_uid", target.pod_uid, 64);
  reader.text("pod_name", target.pod_name, 253);
  reader.text("namespace", target.pod_namespace, 253);
  reader.text("container_name", target.container_name, 253);
  read_selection(reader, target.selection);
}

void read_sampling(StrictJson& reader, SamplingOptions& options) {
  reader.number("rate", options.rate, 1, 10'000);
  reader.number("seconds", options.seconds, 1, 86'400);
  reader.number("wait_seconds", options.wait_seconds, 0, kWeek);
  reader.flag("exclude_idle", options.exclude_idle);
  reader.flag("multi_threads", options.multi_threads);
  reader.choice("event", options.event,
                {{"cpu", Event::Cpu}, {"wall", Event::Wall}, {"offcpu", Event::OffCpu}, {"gil", Event::Gil}});
  StrictJson::Choices<std::string> languages = {{"auto", "auto"}};
  for (const Runtime& runtime : runtimes()) languages.emplace_back(runtime.name, runtime.name);
  reader.choice("language", options.language, languages);
  reader.choice<std::optional<Tier>>(
      "tier", options.tier, {{"auto", {}}, {"ebpf", Tier::Ebpf}, {"ptrace", Tier::Ptrace}, {"memory", Tier::Memory}});
  reader.flag("native", options.native);
  reader.flag("children", options.children);
  reader.number("max_processes", options.max_processes, 1, 65'536);
  reader.flag("lines", options.lines);
  reader.flag("time", options.time);
  read_recorder(reader, options.recorder);
  reader.number("max_cpu_percent", options.max_cpu_percent, 1, 6400);
  reader.number("max_memory_mb", options.max_memory_mb, 32, 1'048'576);
}

void read_picture(StrictJson& reader, PictureOptions& options) {
  reader.choice_list("formats", options.formats, format_choices());
  reader.text("title", options.title);
  reader.text("subtitle", options.subtitle);
  reader.flag("inverted", options.picture.inverted);
  reader.flag("reverse", options.picture.reverse);
  reader.real("min_width", options.picture.min_width, 0, 1000);
}

void read_delivery(StrictJson& reader, DeliveryOptions& options) {
  reader.text("output_dir", options.output_dir);
  reader.text("spool_dir", options.spool_dir);
  reader.number("spool_mb", options.spool_mb, 1, 1'048'576);
  reader.number("spool_hours", options.spool_hours, 1, kWeek / 3600 * 4);
  read_uploads(reader, options.uploads);
}

void read_instant(StrictJson& reader, Reading& reading, const char* key, std::optional<Instant>& into) {
  const nlohmann::json* value = reader.find(key);
  if (value == nullptr) return;
  const std::string text = value->is_string() ? value->get<std::string>() : value->dump();
  if (!(into = parse_instant(text))) {
    reading.refuse("{} is \"{}\": allowed are seconds since the profile's start, or RFC 3339 such as 2026-11-27T14:03:22.5Z", key, text);
  }
}

void read_mode(StrictJson& reader, Reading& reading, Params& params) {
  StrictJson::Choices<Mode> choices;
  for (const ModeRow& row : modes()) choices.emplace_back(row.name, row.mode);
  reader.choice("mode", params.mode, choices);
  reader.texts("inputs", params.inputs, 4096);
  reader.texts("baseline", params.compare.baseline, 4096);
  reader.nested("fail_above", [&](StrictJson& limit) {
    limit.real("self_percent_points", params.compare.self_percent_points, 0.01, 100);
    limit.real("total_ratio", params.compare.total_ratio, 1, 1000);
  });
  read_instant(reader, reading, "from", params.window.from);
  read_instant(reader, reading, "to", params.window.to);
  reader.number("every", params.series.every, 1, kWeek);
  reader.number("count", params.series.count, 0, 1'000'000);
  reader.text("metrics_file", params.series.metrics_file);
}

void check_target(Reading& reading, const Params& params) {
  const TargetKeys& target = params.target;
  if (target.app_name.empty() != target.version_id.empty()) {
    reading.refuse("app_name and version_id go together: {} is missing", target.app_name.empty() ? "app_name" : "version_id");
  }
  if (row_of(params.mode).target && !target.any()) {
    reading.refuse(
        "no target: give app_name and version_id, procname_prefix, cmdline_regex, pid, container_id, pod_uid, pod_name, "
        "namespace, container_name or all_containers");
  }
  if (!target.container_id.empty() && normal_container_id(target.container_id).empty()) {
    reading.refuse("container_id is \"{}\": allowed is 12 to 64 hex digits, bare or after containerd://, docker:// or cri-o://",
                   target.container_id);
  }
  if (!target.cmdline_regex.empty()) {
    if (auto regex = Regex::compile(target.cmdline_regex); !regex) {
      reading.refuse("cmdline_regex is not a regular expression: {}", regex.error().message);
    }
  }
}

void check_sampling(StrictJson& reader, SamplingOptions& options) {
  Reading& reading = reader.reading();
  if (options.event == Event::Wall) {
    if (reader.has("exclude_idle") && options.exclude_idle) {
      reading.refuse("event \"wall\" counts idle threads: exclude_idle must be false or absent");
    }
    options.exclude_idle = false;
  }
  if (options.event == Event::Cpu && !options.exclude_idle) options.event = Event::Wall;
  if (options.event == Event::OffCpu && options.tier && *options.tier != Tier::Ebpf) {
    reading.refuse("event \"offcpu\" needs tier \"ebpf\" or \"auto\"");
  }
  if (options.native && options.tier == Tier::Memory) reading.refuse("native needs tier \"ebpf\", \"ptrace\" or \"auto\"");
}

void check_recorder(StrictJson& reader, Params& params) {
  Reading& reading = reader.reading();
  if (params.mode != Mode::Profile) reading.refuse("when is for mode \"profile\"");
  if (reader.has("every")) reading.refuse("every and when: a profile is made every so often, or when something happens");
  if (reader.has("seconds")) reading.refuse("seconds and when: before and after say how much of time is kept");
  if (!params.sampling.time) reading.refuse("when needs time: what is older than before is forgotten by its moments");
}

void check_series(StrictJson& reader, Params& params) {
  Reading& reading = reader.reading();
  SeriesOptions& series = params.series;
  const unsigned seconds = params.sampling.seconds;
  const bool recorder = params.sampling.recorder.any();
  if (recorder) return check_recorder(reader, params);
  if (series.count != 1 && series.every == 0) reading.refuse("count needs every, the seconds from one profile to the next, or when");
  if (series.every != 0 && series.every < seconds && params.mode == Mode::Profile) {
    reading.refuse("every is {}: it must be at least seconds, which is {}", series.every, seconds);
  }
  if (series.every != 0 && !reader.has("count")) series.count = 0;
  params.sampling.endless = params.mode == Mode::Top && !reader.has("seconds");
}

std::string drawing_modes() {
  std::string names;
  for (const ModeRow& row : modes()) {
    if (row.most_inputs > 0) names += fmt::format("{}\"{}\"", names.empty() ? "" : ", ", row.name);
  }
  return names;
}

void check_delivery(Reading& reading, const Params& params) {
  if (!params.delivery.spool_dir.empty() && params.delivery.uploads.empty()) reading.refuse("spool_dir needs upload: what waits there is for a destination");
  const std::string& file = params.series.metrics_file;
  if (!file.empty() && (!file.starts_with('/') || !file.ends_with(".prom"))) reading.refuse("metrics_file must be a whole path that ends in .prom: node_exporter reads no other");
}

void check_inputs(Reading& reading, const Params& params) {
  const ModeRow& row = row_of(params.mode);
  const std::size_t count = params.inputs.size();
  if (count < row.least_inputs && count == 0) reading.refuse("inputs is missing: the folded files or URLs to draw");
  if (row.most_inputs == 0 && count > 0) reading.refuse("inputs is for the modes that draw what was recorded: {}", drawing_modes());
  if (row.most_inputs == 0 && params.window.any()) reading.refuse("from and to are for the modes that draw what was recorded: {}", drawing_modes());
  if (params.mode != Mode::Diff && (!params.compare.baseline.empty() || params.compare.limits())) reading.refuse("baseline and fail_above are for mode \"diff\"");
  if (params.mode == Mode::Diff && params.compare.baseline.empty() && count != 2) reading.refuse("inputs must be two for mode \"diff\": before, after; or name the first side by `baseline`, of several files");
  if (count < row.least_inputs || count > row.most_inputs) reading.refuse("inputs must be one for mode \"{}\"", row.name);
}

// What files and pictures are called where nothing else was asked for.
void name_results(Params& params) {
  PictureOptions& picture = params.picture;
  picture.label = params.target.any() ? params.target.label() : row_of(params.mode).name;
  if (picture.title.empty()) picture.title = picture.label;
}

Params read_all(Reading& reading, const nlohmann::json& json) {
  Params params;
  if (!json.is_object()) reading.refuse("params must be a JSON object");
  StrictJson reader(reading, json, "");
  read_target(reader, params.target);
  read_sampling(reader, params.sampling);
  params.target.children = params.sampling.children;
  params.sampling.selection = params.target.selection;
  read_picture(reader, params.picture);
  read_grouping(reader, params.target.selection, params.sampling, params.picture);
  read_delivery(reader, params.delivery);
  read_mode(reader, reading, params);
  reader.end();
  check_target(reading, params);
  check_selection(reading, params.target.selection, params.sampling.rate, params.picture.split_by);
  check_sampling(reader, params.sampling);
  if (params.picture.formats.empty()) reading.refuse("formats is empty: name at least one");
  check_series(reader, params);
  check_inputs(reading, params);
  check_delivery(reading, params);
  name_results(params);
  return params;
}

}  // namespace

Result<Params> parse_params(std::string_view text) {
  nlohmann::json json;
  if (auto parsed = parse_json(text, json, "params", kMostBytes); !parsed) return tl::unexpected(parsed.error());
  Reading reading;
  Params params = read_all(reading, json);
  if (reading.error) return tl::unexpected(*reading.error);
  return params;
}

Result<Params> read_params() {
  for (const char* name : {"params", "PARAMS"}) {
    if (const char* text = std::getenv(name)) return parse_params(text);
  }
  const char* path = std::getenv("params_file");
  if (!path) {
    return fail(Exit::BadParams, "the environment variable params is missing: it holds a JSON object, such as {}",
                R"({"app_name": "shop", "version_id": 7})");
  }
  const auto text = read_file(path, kMostBytes + 1);
  if (!text) return fail(Exit::BadParams, "params_file names {}, which cannot be read", path);
  return parse_params(*text);
}

std::vector<std::string> params_keys() {
  Reading reading;
  read_all(reading, nlohmann::json::object());
  return {reading.keys.begin(), reading.keys.end()};
}

}  // namespace sampan

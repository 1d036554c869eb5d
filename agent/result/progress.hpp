// What the agent says while it works: one JSON event a line on standard output, or, on a terminal, sentences and a
// bar. The result also goes to the termination log. The events are described by agent/events.schema.json.
#pragma once

#include <cstdint>
#include <cstdio>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "agent/guard/redact.hpp"
#include "agent/result/run_result.hpp"
#include "samplers/base/log.hpp"
#include "samplers/base/unique_fd.hpp"

namespace sampan {

// Not for two threads at once. Nothing that was given to hide() leaves it, in any escaping.
class Progress {
 public:
  // Takes over the log: its lines become events. `out` is kept open by the caller. Opens the termination log, since a
  // restricted process (agent/guard) may not open for writing what is there already.
  explicit Progress(std::FILE* out = stdout);
  ~Progress();
  Progress(const Progress&) = delete;

  bool terminal() const { return terminal_; }
  // No event or log line will show it.
  void hide(std::string secret) { secrets_.hide(std::move(secret)); }
  const Secrets& secrets() const { return secrets_; }

  void stage(std::string_view name, const std::string& sentence);
  // How far sampling is; called often, told every five seconds (on a terminal: four times a second).
  void beat(double elapsed, double seconds, const Quality& quality, double achieved_rate, std::size_t processes);
  void log(LogLevel level, const std::string& sentence);
  // An event of the caller's own; its members must be in the schema.
  void event(std::string_view name, nlohmann::ordered_json members);
  void result(const RunResult& outcome);

 private:
  void clear_bar();

  std::FILE* out_;
  bool terminal_;
  UniqueFd termination_log_;
  bool bar_ = false;           // a bar stands on the current line
  std::uint64_t seq_ = 0;
  double last_beat_ = -1;
  Secrets secrets_;
};

// The result as the termination log holds it: at most 4096 bytes of JSON, without the secrets.
std::string termination_message(const RunResult& outcome, const Secrets& secrets);

std::string_view events_schema();

}  // namespace sampan

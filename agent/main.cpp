// Parse, run, report. All that is wanted stands in the environment variable `params`.
#include <cstdio>
#include <cstring>
#include <exception>

#include "agent/params.hpp"
#include "agent/progress.hpp"
#include "agent/restrict.hpp"
#include "agent/session.hpp"
#include "agent/signals.hpp"
#include "samplers/base/log.hpp"

namespace {

constexpr const char* kHelp =
    "sampan " SAMPAN_VERSION
    ": profiles what runs on this node and delivers a flame graph.\n"
    "All it takes is one JSON object in the environment variable `params` (or PARAMS, or a file that params_file names):\n"
    "  params='{\"app_name\": \"shop\", \"version_id\": 7, \"seconds\": 60}' sampan\n"
    "  params='{\"mode\": \"doctor\"}' sampan        what this place allows\n"
    "  sampan --schema                             every key, as JSON Schema\n"
    "  sampan --events-schema                      what is printed, as JSON Schema\n";

int run() {
  sampan::Progress progress;
  auto params = sampan::read_params();
  if (!params) {
    sampan::Outcome outcome;
    outcome.code = params.error().code;
    outcome.sentence = params.error().message;
    progress.result(outcome);
    return static_cast<int>(outcome.code);
  }
  // Before any thread starts and before anything of a target is read. The doctor tries things on a child of its own.
  if (params->mode != sampan::Mode::Doctor)
    if (const auto restricted = sampan::restrict_self(params->output_dir); !restricted.shortfall.empty())
      sampan::log_warning("{}", restricted.shortfall);
  return static_cast<int>(sampan::run_session(*params, progress));
}

bool print(std::string_view text) { return std::fwrite(text.data(), 1, text.size(), stdout) == text.size(); }

}  // namespace

int main(int count, char** arguments) {
  const std::string_view first = count > 1 ? arguments[1] : "";
  if (first == "--version") return print("sampan " SAMPAN_VERSION "\n") ? 0 : 70;
  if (first == "--help") return print(kHelp) ? 0 : 70;
  if (first == "--schema") return print(sampan::params_schema()) ? 0 : 70;
  if (first == "--events-schema") return print(sampan::events_schema()) ? 0 : 70;
  if (count > 1) std::fprintf(stderr, "sampan: warning: arguments are ignored: everything stands in the environment variable params\n");
  sampan::install_signal_handlers();
  try {
    return run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "sampan: internal error: %s\n", error.what());
    return static_cast<int>(sampan::Exit::Internal);
  }
}

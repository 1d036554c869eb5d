// Parse, run, report. All that is wanted stands in the environment variable `params`.
#include <openssl/crypto.h>

#include <cstdio>
#include <cstring>
#include <exception>
#include <new>

#include "agent/contract/params.hpp"
#include "agent/delivery/courier.hpp"
#include "agent/guard/restrict.hpp"
#include "agent/result/progress.hpp"
#include "agent/run/budget.hpp"
#include "agent/run/signals.hpp"
#include "agent/session.hpp"
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

int end_with(sampan::Progress& progress, const sampan::Error& error) {
  progress.result(sampan::failed(error));
  return static_cast<int>(error.code);
}

// Whatever fails, the last event is a result.
int run_safely(const sampan::Params& params, sampan::Courier* courier, sampan::Progress& progress) {
  using sampan::Exit;
  try {
    return static_cast<int>(sampan::run_session(params, courier, progress));
  } catch (const std::bad_alloc&) {
    return end_with(progress, {Exit::Internal, "the agent's memory budget is too small for this (max_memory_mb, or the container's memory limit)"});
  } catch (const std::exception& error) {
    return end_with(progress, {Exit::Internal, fmt::format("internal error: {}", error.what())});
  }
}

int run() {
  sampan::share_one_heap();
  sampan::Progress progress;
  auto params = sampan::read_params();
  if (!params) return end_with(progress, params.error());
  // A process of its own, which the restricted agent may not make any more.
  auto courier = sampan::Courier::start(params->delivery, [](const std::string& dir) { sampan::restrict_self(dir, false); });
  if (!courier) return end_with(progress, courier.error());
  const sampan::ModeRow& mode = sampan::row_of(params->mode);
  // Before any thread starts and before anything of a target is read.
  if (mode.restricted)
    if (const auto restricted = sampan::restrict_self(params->delivery.output_dir); !restricted.shortfall.empty())
      sampan::log_warning("{}", restricted.shortfall);
  sampan::raise_descriptors();
  if (mode.target) sampan::enforce(sampan::memory_budget(params->sampling.max_memory_mb));
  return run_safely(*params, courier->get(), progress);
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
  OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);   // the only configuration is `params`
  sampan::install_signal_handlers();
  try {
    return run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "sampan: internal error: %s\n", error.what());
    return static_cast<int>(sampan::Exit::Internal);
  }
}

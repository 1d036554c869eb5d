// Any bytes as params: an error of one line that names something, or values inside their limits.
#include <cstdlib>
#include <string_view>

#include "agent/contract/params.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sampan;
  const auto params = parse_params({reinterpret_cast<const char*>(data), size});
  if (!params) {
    const Error& error = params.error();
    if (error.code != Exit::BadParams || error.message.empty() || error.message.size() > 4096) std::abort();
    if (error.message.find('\n') != std::string::npos) std::abort();
    return 0;
  }
  if (params->sampling.rate < 1 || params->sampling.rate > 10'000 || params->sampling.seconds < 1 || params->sampling.seconds > 86'400) std::abort();
  if (params->picture.formats.empty() || params->delivery.uploads.size() > 16) std::abort();
  return 0;
}

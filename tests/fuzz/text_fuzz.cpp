// Templates, redaction, regular expressions and Retry-After of any bytes.
#include <cstdlib>
#include <string>
#include <string_view>

#include "agent/contract/regex.hpp"
#include "agent/delivery/retry.hpp"
#include "agent/delivery/templates.hpp"
#include "agent/guard/redact.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sampan;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const Words words = {{"name", "a b"}, {"time", text.substr(0, 32)}};
  if (const auto url = expand(text, words, Escape::Url)) {
    if (url->size() > 3 * 32 * (size + 1)) std::abort();
  }
  for (const std::string& line : {redact_command_line(text, 96), printable(text, 96), redact_url(text)}) {
    for (const char c : line) {
      if (static_cast<unsigned char>(c) < 0x20) std::abort();
    }
  }
  if (printable(text, 96).size() > 96 + 3) std::abort();
  if (const auto wait = parse_retry_after(text, 1'700'000'000)) {
    if (!(*wait >= 0)) std::abort();
  }
  static const Regex regex = *Regex::compile(R"(^(a+)+-\d+_w[o]rker|(x*)*y$)");
  regex.matches(text.substr(0, 4096));
  if (size <= 1024) static_cast<void>(Regex::compile(text));
  return 0;
}

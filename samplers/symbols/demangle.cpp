#include "samplers/symbols/demangle.hpp"

#define HAVE_DECL_BASENAME 1   // libiberty would declare its own
#include <libiberty/demangle.h>

#include <csetjmp>
#include <cstring>

namespace sampan {
namespace {

constexpr std::size_t kMostMangled = 8192;
constexpr std::size_t kMostText = 1024;

// A hostile name of a hundred bytes can stand for gigabytes: the first KiB is taken, then the demangler is left.
// Only C frames without resources lie between the jump and its target.
struct Sink {
  std::jmp_buf full;
  std::size_t size = 0;
  char text[kMostText];
};

void append(const char* piece, std::size_t size, void* opaque) {
  auto& sink = *static_cast<Sink*>(opaque);
  const std::size_t take = std::min(size, kMostText - sink.size);
  std::memcpy(sink.text + sink.size, piece, take);
  sink.size += take;
  if (sink.size == kMostText) std::longjmp(sink.full, 1);
}

bool run(const char* mangled, Sink& sink) {
  if (setjmp(sink.full) != 0) return true;
  constexpr int kOptions = DMGL_PARAMS | DMGL_ANSI;
  if (rust_demangle_callback(mangled, kOptions, append, &sink) != 0) return true;
  sink.size = 0;
  return cplus_demangle_v3_callback(mangled, kOptions, append, &sink) != 0;
}

}  // namespace

std::string demangle(std::string_view name) {
  if (const auto version = name.find('@'); version != std::string_view::npos && version > 0) name = name.substr(0, version);
  if (!name.starts_with("_Z") && !name.starts_with("_R")) return std::string(name.substr(0, kMostText));
  if (name.size() > kMostMangled) return std::string(name.substr(0, kMostText));
  const std::string mangled(name);
  Sink sink;
  if (!run(mangled.c_str(), sink)) return mangled.substr(0, kMostText);
  std::string text(sink.text, sink.size);
  if (sink.size == kMostText) text += "...";
  return text;
}

}  // namespace sampan

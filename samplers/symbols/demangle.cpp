#include "samplers/symbols/demangle.hpp"

#define HAVE_DECL_BASENAME 1   // libiberty would declare its own
#include <libiberty/demangle.h>

#include <algorithm>
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

bool is_number(std::string_view text) { return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos; }

// What compilers append to the name of a function that they split or copied.
constexpr std::string_view kVariants[] = {"isra", "part", "constprop", "cold", "lto_priv", "llvm", "localalias", "specialized"};

std::string_view without_version(std::string_view name) {
  const auto version = name.find('@');
  return version != std::string_view::npos && version > 0 ? name.substr(0, version) : name;
}

}  // namespace

std::string_view without_variant(std::string_view name) {
  while (true) {
    std::string_view rest = name;
    auto dot = rest.rfind('.');
    if (dot != std::string_view::npos && is_number(rest.substr(dot + 1))) rest = rest.substr(0, dot), dot = rest.rfind('.');
    if (dot == std::string_view::npos || dot == 0) return name;
    if (std::find(std::begin(kVariants), std::end(kVariants), rest.substr(dot + 1)) == std::end(kVariants)) return name;
    name = rest.substr(0, dot);
  }
}

std::string_view variant_of(std::string_view name) {
  name = without_version(name);
  return name.substr(without_variant(name).size());
}

std::string demangle(std::string_view name) {
  name = without_variant(without_version(name));
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

#include "samplers/python/module_globals.hpp"

#include "samplers/base/clock.hpp"

namespace sampan::python {
namespace {

constexpr std::uint64_t kLookEvery = 100'000'000;   // ns, at sys.modules: it may hold thousands

}  // namespace

std::uint64_t ModuleGlobals::find(std::uint64_t interp, std::string_view path) {
  const Found& found = found_[{interp, path}];
  return found.object ? found.object : find_again(interp, path);
}

std::uint64_t ModuleGlobals::find_again(std::uint64_t interp, std::string_view path) {
  Found& found = found_[{interp, path}];
  const std::uint64_t now = now_ns(CLOCK_MONOTONIC_COARSE);
  if (now - found.looked_at >= kLookEvery) found = {look(interp, path), now};
  return found.object;
}

std::uint64_t ModuleGlobals::module(std::uint64_t interp, std::string_view name) const {
  return o_.interp_modules ? dicts_.find(memory_.read_as<std::uint64_t>(interp + o_.interp_modules), name) : 0;
}

std::uint64_t ModuleGlobals::look(std::uint64_t interp, std::string_view path) const {
  const auto colon = path.find(':');
  const auto module = this->module(interp, path.substr(0, colon));
  return module ? dicts_.find(memory_.read_as<std::uint64_t>(module + o_.module_dict), path.substr(colon + 1)) : 0;
}

}  // namespace sampan::python

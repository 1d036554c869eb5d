#include "samplers/python/thread_names.hpp"

namespace sampan::python {
namespace {

constexpr std::string_view kActive = "threading:_active";   // a dict, ident → Thread

}  // namespace

std::string ThreadNames::of(const ThreadState& state) {
  if (!state.thread_id) return {};
  std::uint64_t thread = thread_object(globals_.find(state.interp, kActive), state.thread_id);
  if (!thread) thread = thread_object(globals_.find_again(state.interp, kActive), state.thread_id);   // the module may be another
  const auto name = thread ? dicts_.attribute(thread, o_.byte_strings ? "_Thread__name" : "_name") : 0;
  return name ? objects_.string(name).value_or("") : "";
}

// An int is its own hash below 2^61, as every pthread_t is.
std::uint64_t ThreadNames::thread_object(std::uint64_t active, std::uint64_t ident) const {
  if (!active) return 0;
  for (const Dicts::Row& row : dicts_.rows(active)) {
    if (row.hash == ident && row.value) return row.value;
  }
  return 0;
}

}  // namespace sampan::python

// Result<T>: a value, or a sentence that a user can act on with the exit code that belongs to it.
#pragma once

#include <fmt/format.h>

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace sampan {

// The agent's exit codes: stable, for podFailurePolicy. 2, 4, 5 and 8 are deterministic.
enum class Exit : int {
  Delivered = 0, BadParams = 2, NoTarget = 3, NotPermitted = 4, CannotSample = 5, TargetEnded = 6,
  DeliveryFailed = 7, DeliveryRefused = 8, Slower = 9, Internal = 70,
};

struct Error {
  Exit code = Exit::Internal;
  std::string message;
};

template <typename T>
using Result = tl::expected<T, Error>;

template <typename... Args>
tl::unexpected<Error> fail(Exit code, fmt::format_string<Args...> text, Args&&... args) {
  return tl::unexpected<Error>(Error{code, fmt::format(text, std::forward<Args>(args)...)});
}

}  // namespace sampan

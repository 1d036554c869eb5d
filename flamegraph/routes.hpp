// Stacks by the request handler that they run, told from the frames' own names by the rules of routes.def.
#pragma once

#include "flamegraph/profile.hpp"

namespace sampan {

// The same stacks and moments with a Route frame below process and thread: the handler that the innermost dispatcher of a
// framework called (a middleware, where it runs nothing else); of PHP without one, the script; else `[no route]`. The profile's names must be settled.
Profile by_route(const Profile& profile);

}  // namespace sampan

// Any process that no other runtime takes: its machine stacks.
#include "samplers/symbols/native_walker.hpp"

namespace sampan {

Runtime native_runtime() {
  return {"native", [](const Process&, Context&) { return true; }, open_native_walker, false, {}, false, true};
}

}  // namespace sampan

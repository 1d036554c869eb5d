#include "agent/contract/modes.hpp"

namespace sampan {
namespace {

constexpr ModeRow kRows[] = {
#define MODE(enumerator, function, name, ...) {Mode::enumerator, name, __VA_ARGS__},
#include "agent/contract/modes.def"
};

}  // namespace

std::span<const ModeRow> modes() { return kRows; }
const ModeRow& row_of(Mode mode) { return kRows[static_cast<std::size_t>(mode)]; }

}  // namespace sampan

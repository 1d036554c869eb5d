#include "samplers/node/processor.hpp"

#include <array>

namespace sampan::node {
namespace {

// push rbp; mov rbp,rsp
constexpr std::array kX86Prologue = {std::byte{0x55}, std::byte{0x48}, std::byte{0x89}, std::byte{0xe5}};
// stp x29,x30,[sp,#-16]!; mov x29,sp
constexpr std::array kArm64Prologue = {std::byte{0xfd}, std::byte{0x7b}, std::byte{0xbf}, std::byte{0xa9},
                                       std::byte{0xfd}, std::byte{0x03}, std::byte{0x00}, std::byte{0x91}};

}  // namespace

const Processor kX86Processor = {&sampan_x86_64, kX86Prologue, 9, 12, 5, 16};              // r9, r12, rdi
const Processor kArm64Processor = {&sampan_aarch64, kArm64Prologue, 19, 20, 1, 160};       // JSEntry saves ten pairs

}  // namespace sampan::node

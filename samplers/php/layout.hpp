// Where PHP keeps what the walker reads, by its module API number (Zend/zend_modules.h), which changes with every minor
// release: one row each. Thread-safe builds have the same layouts. Byte offsets.
#pragma once

#include <cstdint>
#include <span>

#include "samplers/php/kernel_walk.h"

namespace sampan::php {

using Offset = std::uint16_t;

struct Layout {
  std::uint32_t api;             // ZEND_MODULE_API_NO; this one and later ones, up to the next row's
  const char* release;
  // executor_globals: vm_stack_top and vm_stack_end are the two words before vm_stack.
  Offset vm_stack;
  Offset current_execute_data;
  Offset filename;               // in an op_array; line_start and line_end follow it
  Offset generator_frame;        // execute_data in a zend_generator; its parent lies 96 bytes on
  std::uint8_t entry_bit;        // ZEND_CALL_TOP, of a frame's This.u1.type_info: the VM's loop was called for it
};

// The same in every release from 7.0 on.
constexpr Offset kFrameOpline = 0, kFrameFunction = 24, kFrameThis = 32, kFrameThisType = 40, kFramePrevious = 48, kFrameSize = 80;
constexpr Offset kGeneratorParent = SAMPAN_PHP_GENERATOR_PARENT;   // from generator_frame on
constexpr Offset kFunctionName = 8, kFunctionScope = 16;
constexpr Offset kClassName = 8;
constexpr Offset kOpLine = SAMPAN_PHP_OP_LINE;
constexpr Offset kStringHash = SAMPAN_PHP_STRING_HASH, kStringLength = 16, kStringText = 24;
// zend_module_entry {size, api, debug, zts, …}
constexpr Offset kModuleSize = 168, kModuleApi = 4, kModuleThreadSafe = 9, kModuleName = 32, kModuleVersion = 88;

std::span<const Layout> layouts();
// nullptr before 7.0; for numbers newer than all rows, the last one.
const Layout* find_layout(std::uint32_t api);

}  // namespace sampan::php

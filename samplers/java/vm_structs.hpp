// What a HotSpot VM says of its own layouts: gHotSpotVMStructs, …Types, …IntConstants and …LongConstants
// (hotspot/share/runtime/vmStructs.cpp), which every libjvm exports for the serviceability agent.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "samplers/base/result.hpp"
#include "samplers/process/memory.hpp"

namespace sampan::java {

class VmStructs {
 public:
  // The address in the target of a symbol that libjvm exports, or nothing.
  using Symbols = std::function<std::optional<std::uint64_t>(std::string_view name)>;

  // Fails with CannotSample where the VM exports no such tables or they make no sense.
  static Result<VmStructs> read(Memory& memory, const Symbols& symbols);

  // The offset of an instance field, bytes.
  std::optional<std::uint64_t> offset(std::string_view type, std::string_view field) const;
  // The address of a static field.
  std::optional<std::uint64_t> address(std::string_view type, std::string_view field) const;
  // The C++ type of a field as the VM writes it; empty where it has no such field.
  std::string type(std::string_view type, std::string_view field) const;
  // The size of a type, bytes.
  std::optional<std::uint64_t> size(std::string_view type) const;
  std::optional<std::int64_t> constant(std::string_view name) const;

 private:
  struct Field {
    bool is_static;
    std::uint64_t value;   // offset, or address of a static one
    std::string type;
  };
  std::optional<Field> field(std::string_view type, std::string_view name) const;

  std::unordered_map<std::string, Field> fields_;   // `Type.field`
  std::unordered_map<std::string, std::uint64_t> sizes_;
  std::unordered_map<std::string, std::int64_t> constants_;
};

// A zero-terminated string of the target, at most 255 bytes; empty where it cannot be read.
std::string read_c_string(Memory& memory, std::uint64_t address);

}  // namespace sampan::java

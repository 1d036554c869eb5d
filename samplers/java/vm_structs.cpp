#include "samplers/java/vm_structs.hpp"

#include <array>
#include <vector>

#include "samplers/base/cursor.hpp"

namespace sampan::java {
namespace {

constexpr std::size_t kMostEntries = 16'384;
constexpr std::uint64_t kMostStride = 256;

// Reads one of the VM's tables whole, then gives its entries one by one.
class Table {
 public:
  Table(Memory& memory, const VmStructs::Symbols& symbols, std::string prefix, const char* array)
      : memory_(memory), symbols_(symbols), prefix_(std::move(prefix)), array_(array) {}

  // False where the table is not exported or not plausible.
  bool load() {
    const auto start = variable(array_);
    const auto stride = variable(prefix_ + "ArrayStride");
    if (!start || !stride || *start == 0 || *stride == 0 || *stride > kMostStride) return false;
    start_ = *start;
    stride_ = *stride;
    return true;
  }
  std::optional<std::uint64_t> column(const char* name) const {
    const auto offset = variable(prefix_ + name);
    return offset && *offset + sizeof(std::uint64_t) <= kMostStride ? offset : std::nullopt;
  }
  // The entry's bytes, or empty at the end of the table.
  Bytes entry(std::size_t index) {
    const std::uint64_t address = start_ + index * stride_;
    if (!memory_.read(address, std::span(bytes_).first(stride_))) return {};
    return Bytes(bytes_).first(stride_);
  }
  std::string string(Bytes entry, std::uint64_t column) { return read_c_string(memory_, read_at<std::uint64_t>(entry, column)); }

 private:
  std::optional<std::uint64_t> variable(const std::string& name) const {
    const auto address = symbols_(name);
    std::uint64_t value = 0;
    if (!address || !memory_.read_into(*address, value)) return {};
    return value;
  }

  Memory& memory_;
  const VmStructs::Symbols& symbols_;
  std::string prefix_, array_;
  std::uint64_t start_ = 0, stride_ = 0;
  std::array<std::byte, kMostStride> bytes_{};
};

std::string joined(std::string_view type, std::string_view field) {
  std::string key(type);
  key += '.';
  key += field;
  return key;
}

}  // namespace

std::string read_c_string(Memory& memory, std::uint64_t address) {
  std::string text;
  while (address && text.size() < 256) {
    // Never across a page that the string may not reach.
    const std::uint64_t left = 64 - (address & 63);
    std::array<char, 64> block;
    if (!memory.read(address, std::as_writable_bytes(std::span(block).first(left)))) return {};
    const std::string_view view(block.data(), left);
    const auto end = view.find('\0');
    text += view.substr(0, end);
    if (end != std::string_view::npos) return text;
    address += left;
  }
  return {};
}

Result<VmStructs> VmStructs::read(Memory& memory, const Symbols& symbols) {
  VmStructs vm;
  Table structs(memory, symbols, "gHotSpotVMStructEntry", "gHotSpotVMStructs");
  if (!structs.load()) return fail(Exit::CannotSample, "the JVM does not export gHotSpotVMStructs: it is not HotSpot");
  const auto type = structs.column("TypeNameOffset"), name = structs.column("FieldNameOffset");
  const auto is_static = structs.column("IsStaticOffset"), offset = structs.column("OffsetOffset");
  const auto address = structs.column("AddressOffset");
  const auto type_string = structs.column("TypeStringOffset");
  if (!type || !name || !type_string || !is_static || !offset || !address) return fail(Exit::CannotSample, "gHotSpotVMStructs lacks a column");
  for (std::size_t i = 0; i < kMostEntries; ++i) {
    const Bytes entry = structs.entry(i);
    if (entry.empty() || read_at<std::uint64_t>(entry, *type) == 0) break;
    const bool fixed = read_at<std::int32_t>(entry, *is_static) != 0;
    const auto value = read_at<std::uint64_t>(entry, fixed ? *address : *offset);
    vm.fields_.emplace(joined(structs.string(entry, *type), structs.string(entry, *name)), Field{fixed, value, structs.string(entry, *type_string)});
  }

  Table types(memory, symbols, "gHotSpotVMTypeEntry", "gHotSpotVMTypes");
  if (const auto column = types.column("TypeNameOffset"), bytes = types.column("SizeOffset"); types.load() && column && bytes) {
    for (std::size_t i = 0; i < kMostEntries; ++i) {
      const Bytes entry = types.entry(i);
      if (entry.empty() || read_at<std::uint64_t>(entry, *column) == 0) break;
      vm.sizes_.emplace(types.string(entry, *column), read_at<std::uint64_t>(entry, *bytes));
    }
  }
  for (const bool wide : {false, true}) {
    const std::string kind = wide ? "gHotSpotVMLongConstant" : "gHotSpotVMIntConstant";
    Table constants(memory, symbols, kind + "Entry", wide ? "gHotSpotVMLongConstants" : "gHotSpotVMIntConstants");
    const auto column = constants.column("NameOffset"), at = constants.column("ValueOffset");
    if (!constants.load() || !column || !at) continue;
    for (std::size_t i = 0; i < kMostEntries; ++i) {
      const Bytes entry = constants.entry(i);
      if (entry.empty() || read_at<std::uint64_t>(entry, *column) == 0) break;
      const auto value = wide ? read_at<std::int64_t>(entry, *at) : read_at<std::int32_t>(entry, *at);
      vm.constants_.emplace(constants.string(entry, *column), value);
    }
  }
  return vm;
}

std::optional<VmStructs::Field> VmStructs::field(std::string_view type, std::string_view name) const {
  const auto found = fields_.find(joined(type, name));
  return found == fields_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<std::uint64_t> VmStructs::offset(std::string_view type, std::string_view name) const {
  const auto found = field(type, name);
  // An offset this large would be hostile or torn; no HotSpot structure comes near it.
  return found && !found->is_static && found->value < 65'536 ? std::optional(found->value) : std::nullopt;
}

std::optional<std::uint64_t> VmStructs::address(std::string_view type, std::string_view name) const {
  const auto found = field(type, name);
  return found && found->is_static && found->value ? std::optional(found->value) : std::nullopt;
}

std::string VmStructs::type(std::string_view type, std::string_view name) const {
  const auto found = field(type, name);
  return found ? found->type : std::string();
}

std::optional<std::uint64_t> VmStructs::size(std::string_view type) const {
  const auto found = sizes_.find(std::string(type));
  return found == sizes_.end() || found->second > 65'536 ? std::nullopt : std::optional(found->second);
}

std::optional<std::int64_t> VmStructs::constant(std::string_view name) const {
  const auto found = constants_.find(std::string(name));
  return found == constants_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace sampan::java

// Objects of the Java heap, read for names only: the collector may move them at any moment, so what comes back is
// checked to be text, and an empty answer is a common one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "samplers/java/methods.hpp"

namespace sampan::java {

class Heap {
 public:
  Heap(Memory& memory, const Layout& layout, Methods& methods) : memory_(memory), layout_(layout), methods_(methods) {}

  // The name that a JavaThread's java.lang.Thread bears; empty where it cannot be read.
  std::string thread_name(std::uint64_t java_thread);

 private:
  struct Modes {                      // how this VM writes references and headers
    bool compressed_oops = false, compressed_klass = false, compact_headers = false;
    std::uint64_t oop_base = 0, klass_base = 0;
    unsigned oop_shift = 0, klass_shift = 0;
    unsigned z_shift = 0;             // generational ZGC: references carry colours in the low bits
  };
  void read_modes();
  std::uint64_t uncolored(std::uint64_t oop) const { return oop >> modes_.z_shift; }
  std::uint64_t klass_of(std::uint64_t object) const;
  std::uint64_t load(std::uint64_t object, std::uint32_t offset) const;   // a reference field
  std::string string(std::uint64_t object);
  // The offset of an instance field, by name and signature, in a class or those above it.
  std::optional<std::uint32_t> field(std::uint64_t klass, std::string_view name, std::string_view signature);
  std::optional<std::uint32_t> own_field(std::uint64_t klass, std::string_view name, std::string_view signature) const;

  Memory& memory_;
  const Layout& layout_;
  Methods& methods_;
  bool ready_ = false;
  Modes modes_;
  std::unordered_map<std::string, std::optional<std::uint32_t>> fields_;   // by class address, name and signature
};

struct FieldInfo {
  std::uint32_t name = 0, signature = 0, offset = 0;   // indexes into the constant pool; bytes
};
// The fields of a class as its stream tells them (share/oops/fieldInfo.hpp, since JDK 21), at most 65,536.
std::vector<FieldInfo> decode_field_stream(Bytes stream, std::uint8_t unsigned5_excludes);
// The same as six shorts a field, until JDK 20.
std::vector<FieldInfo> decode_field_shorts(Bytes shorts, std::size_t count);

}  // namespace sampan::java

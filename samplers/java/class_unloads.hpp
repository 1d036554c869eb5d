// How many classes the VM has unloaded, by its own counters (jvmstat's java.cls.unloadedClasses): while they stand still,
// no Method's memory is used for another. A VM with -XX:-UsePerfData has none.
#pragma once

#include <array>
#include <cstdint>

#include "samplers/java/layout.hpp"
#include "samplers/java/observation_history.hpp"

namespace sampan::java {

enum class Unloaded : std::uint8_t { None, Some, Unknown };

class ClassUnloads {
 public:
  ClassUnloads(Memory& memory, const Layout& layout) : memory_(memory), layout_(layout) {}

  // Finds the counters where they are not known yet.
  void refresh();
  // Notes the count now: monotonic nanoseconds.
  void look(std::uint64_t now);
  // What has been unloaded from that time until now.
  Unloaded since(std::uint64_t time);

 private:
  std::uint64_t count();

  Memory& memory_;
  const Layout& layout_;
  std::array<std::uint64_t, 2> counters_{};   // addresses: of classes of the application, and of the archive
  ObservationHistory<std::uint64_t> seen_;
  std::uint64_t next_look_ = 0;
};

}  // namespace sampan::java

// The template interpreter: its codelets (what a pc inside it is doing) and its frames.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "samplers/java/layout.hpp"

namespace sampan::java {

struct Codelet {
  std::uint64_t start = 0, end = 0;
  std::string description;      // `method entry point (kind = zerolocals)`, …
  bool is_entry = false;        // a frame may not stand yet
};

// The codelets, by address; empty where the queue cannot be read.
std::vector<Codelet> read_codelets(Memory& memory, const Layout& layout);
const Codelet* find_codelet(const std::vector<Codelet>& codelets, std::uint64_t pc);

// Slots of an interpreter frame, words from its frame pointer (cpu/x86/frame_x86.hpp, cpu/aarch64/…).
inline constexpr std::int64_t kSenderSpSlot = -1;
inline constexpr std::int64_t kMethodSlot = -3;

}  // namespace sampan::java

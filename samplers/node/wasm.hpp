// WebAssembly: which function of which module a pc lies in, by C++'s own list of a module's code, and its name by the module's
// name section. All of it is read while the process changes it: a piece of code is believed that names its module and its range.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "flamegraph/profile.hpp"
#include "samplers/node/heap.hpp"

namespace sampan::node {

struct WasmFunction {
  std::uint64_t code = 0;              // its WasmCode
  std::uint64_t module = 0;            // its NativeModule
  std::uint64_t start = 0, size = 0;   // its instructions
  FrameId frame{};
  std::uint64_t since = 0;             // when it was found first, ns
};

class WasmFunctions {
 public:
  // All outlive it.
  WasmFunctions(const Heap& heap, Profile& profile) : heap_(heap), profile_(profile) {}

  // One that was found before and still stands; nullptr: none. Holds until trim().
  const WasmFunction* known(std::uint64_t pc);
  // `data`: what the frame, or one near it, keeps of its instance. nullptr: in no function of a module that is known.
  const WasmFunction* find(std::uint64_t pc, std::uint64_t data);
  void trim();

 private:
  struct Module {
    std::uint64_t address = 0, wire = 0, size = 0;   // the NativeModule, its bytes
    std::string file;                                // `wasm://wasm/…`
    std::unordered_map<std::uint32_t, std::string> names;
  };
  std::optional<WasmFunction> read(std::uint64_t code, std::uint64_t module, std::uint32_t* index) const;
  const WasmFunction* look_up(std::uint64_t pc, const Module& module);
  std::uint64_t code_before(std::uint64_t pc, std::uint64_t module) const;
  Module* module_of(std::uint64_t data);

  const Heap& heap_;
  Profile& profile_;
  std::map<std::uint64_t, WasmFunction> functions_;   // by start
  std::vector<Module> modules_;
};

// The names of functions by their numbers, of a module's bytes (WebAssembly's core specification, appendix "Name Section").
std::unordered_map<std::uint32_t, std::string> wasm_names(Memory& memory, std::uint64_t wire, std::uint64_t size);

}  // namespace sampan::node
